"""Microphones that are missing, unplugged, hung or slow: the daemon says so, and hears again."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kwsd.audio.microphone import STALL_S
from kwsd.cli.ctl_change import CLOSES_S
from kwsd.daemon.commands import MUTED_WITHIN_S
from testkit.commands import run
from testkit.daemons import KWSCTL, Manager, Plug, eventually, phrase, running


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    plug = Plug(tmp_path)
    yield plug
    plug.pull_out()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path)
    yield manager
    manager.close()


def test_missing_at_start_then_plugged_in(tmp_path: Path, tiny_model_dir: Path, plug: Plug, manager: Manager) -> None:
    """Scenario.

    1. The daemon starts without a microphone, under a manager with a watchdog of 3 s.
    2. It is ready at once, says that it waits, and feeds the watchdog with the attempts that end.
    3. The microphone is plugged in and a phrase is said.

    Result: `mic_recovered`, then the detection.
    """
    with running(tmp_path, tiny_model_dir, environment=manager.environment(watchdog_s=3)) as daemon:
        client, hello = daemon.client()
        assert hello["state"] == "waiting"
        assert not hello["microphone"]["open"]
        assert "plug it in" in client.ask(command="status")["data"]["waiting_because"]
        assert manager.times("READY")
        assert eventually(lambda: len(manager.times("WATCHDOG")) >= 2)
        assert 'waiting for microphone "default", 3 keywords' in manager.last("STATUS")
        plug.plug_in()
        recovered = client.read_until("mic_recovered")
        assert recovered["microphone"] == "Fake USB microphone"
        assert recovered["attempts"] >= 2
        plug.say(phrase("LIGHT ON"))
        assert client.read_until("detection")["keyword"] == "LIGHT ON"
        assert not client.ask(command="status")["data"]["waiting_because"]
        assert "listening to" in manager.last("STATUS")
        assert sum("no microphone" in line for line in daemon.log) == 1, "one line, however many attempts"
        client.close()


def test_unplugged_and_plugged_in_again(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. A phrase is heard.
    2. The microphone is pulled out: `mic_lost`. It is plugged in again: `mic_recovered`.
    3. Another phrase is said.

    Result: it is heard, on a clock that went on.
    """
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        plug.say(phrase("LIGHT ON"))
        first = client.read_until("detection")
        plug.pull_out()
        assert "still plugged in" in client.read_until("mic_lost")["reason"]
        plug.plug_in()
        assert client.read_until("mic_recovered")["after_s"] < 5
        plug.say(phrase("TURN OFF"))
        second = client.read_until("detection")
        assert (first["keyword"], second["keyword"]) == ("LIGHT ON", "TURN OFF")
        assert second["start"] > first["end"]
        client.close()


def test_a_microphone_that_hangs_starves_the_watchdog(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug, manager: Manager
) -> None:
    """Scenario.

    1. The microphone hangs: reading it neither returns nor fails.
    2. After 6 s `mic_lost` says so; the watchdog is fed no more, so that systemd would restart the daemon.
    3. It comes to again.

    Result: `mic_recovered`, a phrase is heard, the watchdog is fed.
    """
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment=manager.environment(watchdog_s=1)) as daemon:
        client, _ = daemon.client()
        plug.say(phrase("LIGHT ON"))
        client.read_until("detection")
        plug.frozen = True
        hung_at_s = time.monotonic()
        assert "no sound and no error" in client.read_until("mic_lost")["reason"]
        assert time.monotonic() - hung_at_s < 9
        assert not [at for at in manager.times("WATCHDOG") if at > hung_at_s + 0.5]
        plug.frozen = False
        client.read_until("mic_recovered")
        plug.say(phrase("LIGHT ON"))
        client.read_until("detection")
        assert manager.times("WATCHDOG")[-1] > hung_at_s + 6
        client.close()


def test_a_microphone_that_hangs_is_muted_all_the_same(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. The microphone hangs: reading it neither returns nor fails. 2. `mute`, before anybody has noticed.

    Result: the reply comes when it is closed, within the time that both sides grant a dead device.
    """
    assert CLOSES_S > MUTED_WITHIN_S > STALL_S
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        plug.say(phrase("LIGHT ON"))
        client.read_until("detection")
        plug.frozen = True
        time.sleep(0.3)
        asked_s = time.monotonic()
        assert client.ask(command="mute")["ok"]
        assert time.monotonic() - asked_s < MUTED_WITHIN_S
        assert daemon.ask(command="status")["data"]["state"] == "muted"
        client.close()


def test_decoding_that_hangs_starves_the_watchdog(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug, manager: Manager
) -> None:
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment=manager.environment(watchdog_s=0.6)):
        assert eventually(lambda: len(manager.times("WATCHDOG")) > 3)
        (tmp_path / "hang").touch()
        time.sleep(0.3)
        before = len(manager.times("WATCHDOG"))
        time.sleep(1)
        assert len(manager.times("WATCHDOG")) == before, "the microphone alone is no progress"


def test_a_spotter_that_is_alive_and_deaf_starves_the_watchdog(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug, manager: Manager
) -> None:
    """It takes sound and raises nothing, but no frames come of it any more."""
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment=manager.environment(watchdog_s=0.6)) as daemon:
        assert eventually(lambda: len(manager.times("WATCHDOG")) > 3)
        (tmp_path / "deaf").touch()
        time.sleep(2.5)
        before = len(manager.times("WATCHDOG"))
        time.sleep(1)
        assert len(manager.times("WATCHDOG")) == before
        assert daemon.ask(command="status")["data"]["progress_age_s"] > 0.9
        assert eventually(lambda: daemon.ask(command="status")["data"]["deaf"])
        assert eventually(lambda: "deaf: nothing is heard of the sound" in manager.last("STATUS"))
        shown = run(KWSCTL, "status", "--socket", daemon.socket_path, home=tmp_path)
        assert (shown.returncode, shown.stdout.partition(":")[0]) == (1, "deaf")
        (tmp_path / "deaf").unlink()
        assert eventually(lambda: len(manager.times("WATCHDOG")) > before)


def test_a_microphone_of_zeros_is_not_listening(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. The microphone gives nothing but zeros, as one does that is muted by its switch.
    2. Its noise is there again.

    Result: an event, a line in the log and a state of its own while it lasts; then it listens.
    """
    heard = plug.noise
    plug.noise = bytes(len(heard))
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        with client:
            silent = client.read_until("mic_silent")
            assert silent["active"]
            assert "nothing but the value 0" in silent["reason"]
            status = client.ask(command="status")["data"]
            assert (status["state"], status["microphone"]["open"]) == ("silent", True)
            assert "switch" in status["waiting_because"]
            plug.noise = heard
            assert not client.read_until("mic_silent")["active"]
            assert client.ask(command="status")["data"]["state"] == "listening"
        assert sum("nothing but" in line for line in daemon.log) == 1


def test_a_microphone_whose_driver_gives_one_buffer_for_ever(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """1. The same 20 ms come again and again. 2. Sound comes. Result: a state with the remedy until then."""
    plug.stuck = True
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        with client:
            told = client.read_until("mic_silent")
            assert (told["active"], "the same 20 ms of sound again and again" in told["reason"]) == (True, True)
            status = client.ask(command="status")["data"]
            assert (status["state"], status["waiting_because"]) == ("silent", told["reason"])
            plug.stuck = False
            assert not client.read_until("mic_silent")["active"]


def test_a_microphone_that_loses_sound_without_a_word_is_told(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """1. Of a microphone's sound two thirds come. 2. All of it. Result: event, status and log say it until then."""
    plug.noise = np.random.default_rng(2).uniform(-8000, 8000, 320).astype("<i2").tobytes()
    plug.pace = 0.67
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment={"TEST_ADVISED_S": "0.2", "TEST_RATE_S": "0.4"}) as daemon:
        client, _ = daemon.client()
        with client:
            told = client.read_until("mic_level")
            assert (told["active"], told["fault"]) == (True, "slow")
            assert client.ask(command="status")["data"]["level_because"] == told["reason"]
            plug.pace = 1.0
            while client.read_until("mic_level")["active"]:
                pass
            assert not client.ask(command="status")["data"]["level_because"]
        assert any("of the sound comes" in line for line in daemon.log)


TOO_FAINT = (20, "faint", "as good as silent (peak -65 dBFS)")
TOO_LOUD = (400_000, "clipped", "% of it is clipped (peak 0 dBFS)")


@pytest.mark.parametrize("case", [TOO_FAINT, TOO_LOUD])
def test_a_level_that_costs_hits_is_told_with_what_was_measured(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug, case: tuple[int, str, str]
) -> None:
    """Scenario.

    1. The microphone's gain is far too low, or far too high.
    2. It is put right.

    Result: an event, the status and one line in the log with the level and the remedy; then it is right again.
    """
    amplitude, fault, measured = case
    rng = np.random.default_rng(2)
    plug.noise = np.clip(rng.uniform(-amplitude, amplitude, 320), -32768, 32767).astype("<i2").tobytes()
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment={"TEST_ADVISED_S": "0.2"}) as daemon:
        client, _ = daemon.client()
        with client:
            told = client.read_until("mic_level")
            assert (told["active"], told["fault"], told["microphone"]) == (True, fault, "Fake USB microphone")
            assert measured in told["reason"]
            assert "the gain (alsamixer, F4)" in told["reason"]
            status = client.ask(command="status")["data"]
            assert (status["state"], status["level_because"]) == ("listening", told["reason"])
            plug.noise = rng.uniform(-8000, 8000, 320).astype("<i2").tobytes()
            while client.read_until("mic_level")["active"]:
                pass
            assert not client.ask(command="status")["data"]["level_because"]
        assert sum(told["reason"] in line for line in daemon.log) == 1


def test_a_decoder_slower_than_real_time(tmp_path: Path, tiny_model_dir: Path, plug: Plug) -> None:
    """Scenario.

    1. Decoding takes 1.5 times real time.
    2. The oldest sound is dropped: `overrun` with the milliseconds; what waits stays under 2 s.
    3. After 5 s of this: `degraded`.
    4. Decoding is fast again.

    Result: `degraded` ends, a phrase is heard; one log line for the whole storm of overruns.
    """
    plug.plug_in()
    with running(tmp_path, tiny_model_dir, environment={"TEST_RECOVERS_S": "2"}) as daemon:
        client, _ = daemon.client()
        (tmp_path / "slow").write_text("0.03")
        overrun = client.read_until("overrun")
        assert overrun["lost_ms"] > 0
        assert client.read_until("degraded")["active"]
        status = daemon.ask(command="status")["data"]
        assert status["backlog_ms"] <= 2000
        assert status["degraded"]
        assert status["overruns"] > 10
        (tmp_path / "slow").unlink()
        assert not client.read_until("degraded")["active"]
        plug.say(phrase("LIGHT ON"))
        assert client.read_until("detection")["keyword"] == "LIGHT ON"
        assert sum("were lost" in line for line in daemon.log) == 1
        client.close()


@pytest.mark.parametrize("fault", ["die"])
def test_a_thread_that_dies_takes_the_process_down(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug, fault: str
) -> None:
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        (tmp_path / fault).touch()
        assert daemon.wait(5) == 1
        assert "told to die" in daemon.log[-1]
