"""The whole daemon on real PortAudio: a PulseAudio server that dies, comes back and hangs, and an ALSA device."""

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from testkit.daemons import KWSD, Manager, eventually, phrase, running
from testkit.fake_audio import (
    FAKE_MICROPHONE,
    PULSE_MICROPHONE,
    PulseServer,
    fake_alsa_microphone,
    needs_portaudio,
    needs_pulseaudio,
    pulse_server,
)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


@pytest.fixture(scope="module")
def server() -> Iterator[PulseServer]:
    with pulse_server() as server:
        yield server


@needs_pulseaudio
def test_a_sound_server_that_dies_and_comes_back(
    tmp_path: Path, tiny_model_dir: Path, server: PulseServer, manager: Manager
) -> None:
    """Scenario.

    1. A phrase is played into the sink of a PulseAudio server at 48 kHz; the daemon hears its monitor.
    2. The server is killed: `mic_lost`. Attempts fail, and feed the watchdog. It is started again: `mic_recovered`.
    3. Another phrase.

    Result: both are heard; mute gives the device back to the server.
    """
    environment = server.env | manager.environment(watchdog_s=4)
    arguments = ("--device", PULSE_MICROPHONE)
    with running(tmp_path, tiny_model_dir, *arguments, program=(KWSD,), environment=environment) as daemon:
        client, _ = daemon.client()
        assert eventually(lambda: daemon.ask(command="status")["data"]["state"] == "listening", 15)
        server.play(phrase("LIGHT ON"))
        assert client.read_until("detection")["keyword"] == "LIGHT ON"
        server.kill()
        client.read_until("mic_lost")
        fed = len(manager.times("WATCHDOG"))
        assert eventually(lambda: len(manager.times("WATCHDOG")) > fed, 15), "attempts that end are progress"
        server.restart()
        client.read_until("mic_recovered")
        server.play(np.concatenate([phrase("TURN OFF"), phrase("TURN OFF")]))
        assert client.read_until("detection")["keyword"] == "TURN OFF"
        assert client.ask(command="mute")["ok"]
        assert daemon.ask(command="status")["data"]["state"] == "muted"
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        client.close()


@needs_pulseaudio
def test_a_sound_server_that_hangs(tmp_path: Path, tiny_model_dir: Path, server: PulseServer) -> None:
    """Scenario.

    1. The sound server stops answering, in the middle of listening: `mic_lost` within 10 s.
    2. It goes on.

    Result: `mic_recovered`, a phrase is heard; SIGTERM ends it.
    """
    arguments = ("--device", PULSE_MICROPHONE)
    with running(tmp_path, tiny_model_dir, *arguments, program=(KWSD,), environment=server.env) as daemon:
        client, _ = daemon.client()
        assert eventually(lambda: daemon.ask(command="status")["data"]["state"] == "listening", 15)
        server.freeze()
        try:
            client.read_until("mic_lost")
        finally:
            server.thaw()
        client.socket.settimeout(40)
        client.read_until("mic_recovered")
        server.play(np.concatenate([phrase("LIGHT ON"), phrase("LIGHT ON")]))
        assert client.read_until("detection")["keyword"] == "LIGHT ON"
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        client.close()


@needs_portaudio
def test_an_alsa_device_that_floods(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A file behind ALSA is opened by name. It gives sound as fast as it is read: hours of it within a minute.

    Result: the oldest is dropped and counted, what waits stays under the limit, `degraded` is sent, all goes on.
    """
    environment = fake_alsa_microphone(tmp_path, phrase("LIGHT ON"))
    arguments = ("--device", FAKE_MICROPHONE)
    with running(tmp_path, tiny_model_dir, *arguments, program=(KWSD,), environment=environment) as daemon:
        client, _ = daemon.client()
        assert client.read_until("degraded")["active"]
        status = client.ask(command="status")["data"]
        assert FAKE_MICROPHONE in status["microphone"]["name"]
        assert status["backlog_ms"] <= 2000
        assert status["lost_ms"] > 3000
        assert psutil.Process(daemon.process.pid).memory_info().rss < 250e6
        assert len(daemon.log) < 10
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0
        client.close()
