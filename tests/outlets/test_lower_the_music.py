"""examples/lower-the-music, run by the real kwsd on a real sound server."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from testkit.commands import KWSD, clean_environment, run
from testkit.daemons import eventually
from testkit.fake_audio import PulseServer, needs_pulseaudio, pulse_server

ROOT = Path(__file__).parents[2]
HOOK = ROOT / "examples" / "lower-the-music"
DEMO = ROOT / "models" / "demo.wav"
LOUD_DB, SOFT_DB = 0.0, -18.0

pytestmark = needs_pulseaudio


@pytest.fixture
def server() -> Iterator[PulseServer]:
    with pulse_server() as running:
        yield running


def environ_of(server: PulseServer, home: Path, **more: str) -> dict[str, str]:
    return {**server.env, "XDG_RUNTIME_DIR": str(home), **more}


def volume_db(server: PulseServer) -> float:
    """Of the default output."""
    command = ["pactl", "get-sink-volume", "@DEFAULT_SINK@"]
    told = subprocess.run(command, env=os.environ | server.env, capture_output=True, text=True, check=True).stdout
    found = re.search(r"(-?[\d.]+) dB", told)
    assert found, told
    return float(found[1])


def becomes(server: PulseServer, wanted_db: float) -> bool:
    return eventually(lambda: abs(volume_db(server) - wanted_db) < 0.2, 40)


def test_music_is_soft_behind_a_word_and_comes_back(server: PulseServer, tmp_path: Path) -> None:
    """1. kwsd hears six phrases; the music is softer, once. 2. kwsd ends. 3. The music comes back all the same."""
    environ = clean_environment(tmp_path, environ_of(server, tmp_path, KWSD_SOFT_S="4"))
    command = [KWSD, "--keywords", "demo.txt", "--input", str(DEMO), "--exec", str(HOOK)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as hearing:
        assert becomes(server, SOFT_DB)
        heard, _ = hearing.communicate(timeout=60)
    assert (hearing.returncode, len(heard.splitlines())) == (0, 6)
    assert becomes(server, LOUD_DB)


def test_the_end_of_an_order_brings_it_back(server: PulseServer, tmp_path: Path) -> None:
    """A keyword with `listen = true`: the hook is run once more behind what was said."""
    (tmp_path / "wake.toml").write_text('[[keyword]]\nphrase = "hey computer"\nlisten = true\n')
    environ = environ_of(server, tmp_path, KWSD_SOFT_S="100")
    command = [KWSD, "--keywords", "wake.toml", "--input", DEMO, "--exec", HOOK, "--json"]
    heard = run(*command, home=tmp_path, environ=environ)
    assert "speech_end" in heard.stdout, heard.stderr
    assert becomes(server, LOUD_DB)


def test_ended_with_the_service_it_leaves_the_music_as_it_was(server: PulseServer, tmp_path: Path) -> None:
    """All processes of a unit are asked to end: the one that waits turns the music up first."""
    environ = clean_environment(tmp_path, environ_of(server, tmp_path, KWSD_SOFT_S="100"))
    waiting = subprocess.Popen([HOOK, "wait"], env=environ)
    (tmp_path / "kwsd-music-is-soft").touch()
    subprocess.run(["pactl", "set-sink-volume", "@DEFAULT_SINK@", "-18dB"], env=environ, check=True)
    assert eventually(lambda: psutil.Process(waiting.pid).children())  # it sleeps
    waiting.send_signal(signal.SIGTERM)
    waiting.wait(10)
    assert becomes(server, LOUD_DB)


def test_without_a_sound_server_the_next_word_tries_again(tmp_path: Path) -> None:
    """It fails, says so, and leaves no mark by which the music would count as soft."""
    environ = {"XDG_RUNTIME_DIR": str(tmp_path), "PULSE_SERVER": f"unix:{tmp_path}/nobody", "KWSD_TYPE": "detection"}
    failed = run(HOOK, home=tmp_path, environ=environ)
    assert failed.returncode == 1
    assert not (tmp_path / "kwsd-music-is-soft").exists()
