"""Real PortAudio on a real sound server: what is played is heard; the server dies, hangs and comes back."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.audio.source import Samples
from kwsd.timebase import SAMPLE_RATE
from testkit.fake_audio import PULSE_MICROPHONE, PulseServer, likeness, needs_pulseaudio, noise, pulse_server

LISTENER = Path(__file__).parents[2] / "testkit" / "microphone_listener.py"


class Listening:
    """A `microphone_listener.py` at work."""

    def __init__(self, process: subprocess.Popen[str], out: Path) -> None:
        self._process = process
        self._out = out

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next event of that name; pytest's time limit ends a wait in vain."""
        while True:
            said: dict[str, Any] = json.loads(self.next_line())
            if said["event"] == event:
                return said

    def next_line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def end(self) -> Samples:
        """Close the microphone from another thread, and give all that was heard."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.wait_for("ended")
        heard: Samples = np.load(self._out)
        return heard

    def exit_code(self) -> int:
        return self._process.wait(timeout=10)


@contextmanager
def listening(server: PulseServer, out: Path, *pretences: str) -> Iterator[Listening]:
    command = [sys.executable, str(LISTENER), PULSE_MICROPHONE, str(out), *pretences]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=os.environ | server.env, text=True, **pipes) as process:  # type: ignore[call-overload]  # mypy cannot follow a dict here
        try:
            yield Listening(process, out)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[PulseServer]:
    with pulse_server() as running:
        yield running


@needs_pulseaudio
class TestPulseAudio:
    def test_what_is_played_is_heard_and_closing_ends_it_at_once(self, server: PulseServer, tmp_path: Path) -> None:
        played = noise(2 * SAMPLE_RATE)
        with listening(server, tmp_path / "heard.npy") as listener:
            assert listener.wait_for("hearing") == {"event": "hearing", "name": PULSE_MICROPHONE, "rate_hz": 16_000}
            server.play(played)
            closing_s = time.monotonic()
            heard = listener.end()
            assert time.monotonic() - closing_s < 2
            assert likeness(heard, played) > 0.98

    def test_a_microphone_with_only_its_own_rate_is_resampled(self, server: PulseServer, tmp_path: Path) -> None:
        played = noise(2 * SAMPLE_RATE)
        with listening(server, tmp_path / "heard.npy", "refuse 16 kHz") as listener:
            assert listener.wait_for("hearing")["rate_hz"] == 44_100
            server.play(played)
            assert likeness(listener.end(), played) > 0.98

    def test_unplugged_and_plugged_in_again(self, server: PulseServer, tmp_path: Path) -> None:
        """A microphone that vanishes.

        1. It is heard; the sound server is killed. Result: an error that names it, within 2 s.
        2. Attempts to reopen it fail, each with a message.
        3. The server comes back. Result: it is heard again, by its name.
        """
        played = noise(2 * SAMPLE_RATE)
        with listening(server, tmp_path / "heard.npy") as listener:
            listener.wait_for("hearing")
            started_s = time.monotonic()
            server.kill()
            lost = listener.wait_for("error")
            assert time.monotonic() - started_s < 2
            assert lost["message"].startswith(f'"{PULSE_MICROPHONE}" cannot be read any more (')
            assert "there is no microphone" in listener.wait_for("error")["message"]
            server.start()
            assert listener.wait_for("hearing")["name"] == PULSE_MICROPHONE
            server.play(played)
            assert likeness(listener.end(), played) > 0.98

    def test_hung_and_recovered(self, server: PulseServer, tmp_path: Path) -> None:
        """A device that neither gives sound nor fails, and does not even let itself be closed.

        1. It is heard; the sound server is stopped. Result: an error within 10 s, from a read that never waits.
        2. Attempts to reopen it end with an error instead of hanging as well.
        3. The server goes on. Result: the microphone is heard again.
        4. The server is stopped for good, and the process is told to end. Result: it does.
        """
        with listening(server, tmp_path / "heard.npy") as listener:
            listener.wait_for("hearing")
            started_s = time.monotonic()
            server.freeze()
            assert "has given no sound for 5 s" in listener.wait_for("error")["message"]
            assert time.monotonic() - started_s < 10
            assert "the sound system hangs" in listener.wait_for("error")["message"]
            server.thaw()
            listener.wait_for("hearing")
            server.freeze()
            try:
                listener.end()
                assert listener.exit_code() == 0
            finally:
                server.thaw()
