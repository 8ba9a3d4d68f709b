"""Takes, and background, out of the running daemon's microphone, so that nobody has to stop it."""

from __future__ import annotations

import base64
import io
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.acoustic.encoder import Encoder
from kwsd.errors import KwsdError
from kwsd.events import Level
from kwsd.protocol.connection import TIMEOUT_S, DaemonConnection, NoDaemonError
from kwsd.stream import Chunk, Float32, Frames
from kwsd.timebase import ENCODER_SHIFT_SAMPLES, samples
from kwsd.told_frames import EncoderFrames, frames_of

TAKE_S = 3.0
PIECE_S = 4.0  # less than half of what the daemon keeps
FULL_SCALE = 32768.0
ARRIVES_S = 15.0  # what was said last is yet to be decoded
LISTENING = "listening"
HEARS_NOTHING = "the daemon hears nothing now ({}); waiting until it does"
SILENCE_S = 15.0  # without frames, after which it is asked why


def record_take(
    socket: Path,
    on_level: Callable[[float], None],
    timeout_s: float = TIMEOUT_S,
    on_start: Callable[[], None] = lambda: None,
) -> Float32:
    """Three seconds of what the daemon hears from now on (n,), 16 kHz; `on_level` is told dB of full scale meanwhile.

    Whatever is said once `on_start` has been called is in it: the time to ask somebody to speak.

    Raises:
        KwsdError: there is no daemon, it does not listen or keeps no sound, or it has gone away in the middle.
    """
    client = DaemonConnection(socket, timeout_s)
    try:
        status = client.ask("status")
        if status["state"] != LISTENING:
            raise KwsdError(f"the daemon hears nothing now ({status['state']}); `kwsctl status` says why")
        start = status["stream_time"] + status["backlog_ms"] / 1000  # what waits to be decoded was said before
        client.ask("clip", start=max(0.0, start - 0.1), end=start)  # refused at once where it keeps no sound
        client.ask("subscribe", types=[Level.type])
        on_start()
        ends_s = time.monotonic() + TAKE_S
        for record in client.records(timeout_s=TAKE_S + ARRIVES_S):
            if record["type"] == Level.type:
                on_level(record["rms_db"])
            if time.monotonic() >= ends_s:
                break
        reply = client.ask("clip", start=start, end=start + TAKE_S, timeout_s=ARRIVES_S)
    finally:
        client.close()
    return _sound(reply)


def daemon_frames(
    socket: Path, encoder: Encoder, length_s: float, on_silence: Callable[[str], None] = lambda _why: None
) -> Iterator[Frames]:
    """What the daemon's encoder makes of what it hears from now on, for so long; it need keep no sound for that.

    `on_silence` is told why where nothing comes, such as of a microphone that is muted, and the wait goes on.

    Raises:
        KwsdError: there is no daemon, it has gone away in the middle, or it hears with other weights than `encoder`.
    """
    with closing(DaemonConnection(socket)) as client:
        client.ask("subscribe", types=[EncoderFrames.type])
        state, left = client.ask("status")["state"], samples(length_s)
        if state != LISTENING:
            on_silence(HEARS_NOTHING.format(state))
        while left > 0:
            told = _next_frames(client, on_silence)
            if told["weights"] != encoder.fingerprint:
                what = "with another model than is meant here, or in other steps"
                raise KwsdError(f"the daemon hears {what}; give its --model, or its settings with --config")
            frames = frames_of(told)
            yield frames
            left -= frames.count * ENCODER_SHIFT_SAMPLES


def _next_frames(client: DaemonConnection, on_silence: Callable[[str], None]) -> dict[str, Any]:
    """The next event of that kind, however long it takes; why it takes so long is told once."""
    known = LISTENING
    while True:
        try:
            for record in client.records(SILENCE_S):
                if record["type"] == EncoderFrames.type:
                    return record
        except NoDaemonError as silence:
            try:
                state = client.ask("status")["state"]
            except NoDaemonError:
                raise silence from None
            if state == LISTENING:
                what = "but not for phrases: the fixed words have no frames"
                raise KwsdError(f"the daemon listens, {what}; end it, or give --device, to listen without it") from None
            if state != known:
                on_silence(HEARS_NOTHING.format(state))
            known = state


def daemon_chunks(socket: Path, length_s: float) -> Iterator[Chunk]:
    """What the daemon hears from now on, for so long, in pieces of some seconds.

    Raises:
        KwsdError: there is no daemon, it does not listen or keeps no sound, or it has gone away in the middle.
    """
    client = DaemonConnection(socket)
    try:
        began_s = at_s = client.ask("status")["stream_time"]
        while at_s < began_s + length_s:
            reply = client.ask("clip", start=at_s, end=at_s + PIECE_S, timeout_s=ARRIVES_S)
            yield Chunk(samples(reply["start"] - began_s), _sound(reply), "daemon")
            at_s = reply["end"]
    finally:
        client.close()


def _sound(reply: dict[str, Any]) -> Float32:
    """Samples (n,) of a clip."""
    with wave.open(io.BytesIO(base64.b64decode(reply["wav"]))) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return np.asarray(pcm / FULL_SCALE, np.float32)
