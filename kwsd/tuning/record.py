"""A take out of the running daemon's microphone, so that nobody has to stop it."""

from __future__ import annotations

import base64
import io
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.errors import KwsdError
from kwsd.events import Level
from kwsd.protocol.connection import TIMEOUT_S, DaemonConnection
from kwsd.stream import Chunk, Float32
from kwsd.timebase import samples

TAKE_S = 3.0
PIECE_S = 4.0  # less than half of what the daemon keeps
FULL_SCALE = 32768.0
ARRIVES_S = 15.0  # what was said last is yet to be decoded


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
        if status["state"] != "listening":
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
