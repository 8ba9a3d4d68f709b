"""The sound of orders to the last sample, over a pipe, whose sound is known: what is told of it, and what is kept."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from testkit.daemons import KWSD, DaemonProcess, running
from testkit.tiny_model import Floats, silence, speak, with_noise
from tests.daemon.test_orders import order, sound_of

SHORT = "[orders]\nend_s = 0.2\nlongest_s = 1\nnothing_s = 0.5\n"
WAKE = '[[keyword]]\nphrase = "HEY LIGHT"\nlisten = true\n'
DEAF = '[[keyword]]\nphrase = "STOP"\n'
PIPE_BYTES = 65_536


class Piped:
    """A daemon and all that it was given so far."""

    def __init__(self, daemon: DaemonProcess) -> None:
        assert daemon.process.stdin is not None
        self.daemon, self._pipe = daemon, daemon.process.stdin.fileno()
        self.given = np.zeros(0, np.int16)

    def give(self, sound: Floats) -> None:
        """At once, where a pipe takes it at once, and wait until it is heard."""
        pcm = (with_noise(sound, 1e-3) * 32767).astype("<i2")
        self.given = np.concatenate([self.given, pcm])
        left = pcm.tobytes()
        while left:
            left = left[os.write(self._pipe, left) :]
        now_s = len(self.given) / 16_000
        client, _ = self.daemon.client()
        with client:  # a machine under load is not asked a hundred times a second
            while client.ask(command="status")["data"]["stream_time"] < now_s:
                time.sleep(0.1)

    def is_at(self, start_s: float, sound: Floats) -> bool:
        """Whether this is what was given there, but for rounding."""
        start = round(start_s * 16_000)
        given = self.given[start : start + len(sound)]
        return len(sound) == len(given) and bool(np.abs(sound * 32767 - given).max() <= 4)


@pytest.fixture
def piped(tmp_path: Path, tiny_model_dir: Path, request: pytest.FixtureRequest) -> Iterator[Piped]:
    """`request.param` is its keyword file."""
    (tmp_path / "kwsd.toml").write_text(SHORT)
    (tmp_path / "wake.toml").write_text(request.param)
    flags = ("--config", "kwsd.toml", "--keywords", "wake.toml", "--input", "-", "--save-orders", "said")
    how: dict[str, Any] = {"cwd": tmp_path, "stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with running(tmp_path, tiny_model_dir, *flags, program=(KWSD,), **how) as daemon:
        yield Piped(daemon)


@pytest.mark.parametrize("pre_roll_s", [0.3, 8.0])
@pytest.mark.parametrize("piped", [DEAF], indirect=True)
def test_a_program_has_what_was_said_before_it_asked(piped: Piped, pre_roll_s: float) -> None:
    """1. No keyword listens. 2. Sound. 3. A program asks, and an order. Result: it is told and written whole."""
    piped.give(np.concatenate([silence(7.5), *[speak("THE LIGHT")] * 3]))
    client, _ = piped.daemon.client()
    with client:
        assert client.ask(command="subscribe", types=["audio", "speech_end", "no_speech"])["ok"]
        assert client.ask(command="listen", pre_roll_s=pre_roll_s)["ok"]
        piped.give(np.concatenate([speak("TURN OFF"), silence(2)]))
        *audio, end = order(client)
    assert end["sound_start"] == audio[0]["start"] == pytest.approx(end["since"] - pre_roll_s, abs=1e-4)
    assert piped.is_at(audio[0]["start"], sound_of(audio))
    assert piped.is_at(end["sound_start"], soundfile.read(end["file"], dtype="float32")[0])


@pytest.mark.parametrize("piped", [WAKE, DEAF], indirect=True)
def test_who_asks_for_more_than_the_settings_has_all_of_it(piped: Piped) -> None:
    """1. A program waits longer than [orders] says. 2. Silence for 14 s, then an order of 4 s. Result: a whole file."""
    piped.give(silence(12))
    client, _ = piped.daemon.client()
    with client:
        assert client.ask(command="subscribe", types=["speech_end", "no_speech"])["ok"]
        assert client.ask(command="listen", nothing_s=20, longest_s=30, pre_roll_s=10)["ok"]
        piped.give(np.concatenate([silence(14), *[speak("TURN OFF")] * 4, silence(2)]))
        end = client.read()
    assert end["type"] == "speech_end"
    assert end["sound_end"] - end["sound_start"] > 26
    assert piped.is_at(end["sound_start"], soundfile.read(end["file"], dtype="float32")[0])


@pytest.mark.parametrize("piped", [WAKE], indirect=True)
def test_an_order_that_comes_at_once_has_its_sound_too(piped: Piped) -> None:
    """1. Keyword, order and silence in one piece. Result: its sound, and no more, before its end."""
    piped.give(silence(2))
    client, _ = piped.daemon.client()
    with client:
        assert client.ask(command="subscribe", types=["audio", "speech_start", "speech_end"])["ok"]
        for _ in range(2):
            at_once = np.concatenate([speak("HEY LIGHT"), speak("TURN OFF"), silence(2)])[: PIPE_BYTES // 2]
            piped.give(at_once)
            start, *audio, end = order(client)
            assert [start["type"], *{each["type"] for each in audio}, end["type"]] == [
                "speech_start",
                "audio",
                "speech_end",
            ]
            assert end["sound_start"] == audio[0]["start"]
            assert piped.is_at(audio[0]["start"], sound_of(audio))
            assert end["sound_end"] <= audio[0]["start"] + len(sound_of(audio)) / 16_000 + 1e-4
