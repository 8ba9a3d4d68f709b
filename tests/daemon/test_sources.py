"""Several microphones in one daemon: each heard, muted, followed and told for itself."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.config.settings import Settings
from kwsd.config.sources import SourceSettings
from kwsd.daemon import keyword_update
from kwsd.daemon.daemon import Daemon
from kwsd.keywords.files import KeywordList, read_keyword_file
from kwsd.keywords.watch_file import FileWatch
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from testkit.broker import MqttListener, bridging, running_broker
from testkit.daemons import KWSCTL, KWSD, DaemonProcess, Manager, Plug, eventually, phrase, running
from testkit.fake_audio import PULSE_MICROPHONE, needs_pulseaudio, pulse_server

OTHER = "kwsd_other_mic"

TWO = """
[[source]]
name = "kitchen"
device = "one"

[[source]]
name = "hall"
device = "two"
keywords = "hall.txt"
"""


class House:
    """A daemon with a microphone in the kitchen and one in the hall."""

    def __init__(self, daemon: DaemonProcess, kitchen: Plug, hall: Plug, directory: Path) -> None:
        self.daemon, self.kitchen, self.hall, self.directory = daemon, kitchen, hall, directory

    def status(self) -> dict[str, dict[str, Any]]:
        """That of each source, by name."""
        return {each["name"]: each for each in self.daemon.ask(command="status")["data"]["sources"]}

    def ctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command to its daemon."""
        command = [KWSCTL, *words, "--socket", str(self.directory / "s")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def states(self) -> list[object]:
        """Of the kitchen and the hall."""
        return [each["state"] for each in self.status().values()]


@contextmanager
def house(directory: Path, model: Path, *arguments: str, environment: dict[str, str] | None = None) -> Iterator[House]:
    (directory / "config.toml").write_text(TWO)
    (directory / "hall.txt").write_text("TURN OFF\n")
    for name in ("one", "two"):
        (directory / name).mkdir()
    with ExitStack() as stack:
        kitchen, hall = (stack.enter_context(Plug(directory / name)) for name in ("one", "two"))
        own = ("--config", str(directory / "config.toml"), *arguments)
        daemon = stack.enter_context(running(directory, model, *own, environment=environment))
        there = House(daemon, kitchen, hall, directory)
        assert eventually(lambda: there.states() == ["listening"] * 2), daemon.log
        yield there


def test_each_hears_its_own_list_and_every_event_says_whose_it_is(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. LIGHT ON is said in both rooms; only the kitchen listens for it. 2. TURN OFF is said in the hall.

    Result: two detections with their source and ids of one count, on the socket, on stdout, to a program that is run.
    """
    seen = tmp_path / "seen"
    hook = f"sh -c 'echo $KWSD_SOURCE $KWSD_KEYWORD >> {seen}'"
    with house(tmp_path, tiny_model_dir, "--exec", hook) as there:
        client, hello = there.daemon.client()
        with client:
            assert [each["name"] for each in hello["sources"]] == ["kitchen", "hall"]
            assert hello["sources"][1]["keywords"] == ["TURN OFF"]
            assert hello["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
            there.hall.say(phrase("LIGHT ON"))
            there.kitchen.say(phrase("LIGHT ON"))
            first = client.read_until("detection")
            there.hall.say(phrase("TURN OFF"))
            second = client.read_until("detection")
        assert (first["source"], first["keyword"], first["id"]) == ("kitchen", "LIGHT ON", 1)
        assert (second["source"], second["keyword"], second["id"]) == ("hall", "TURN OFF", 2)
        assert eventually(lambda: seen.exists() and len(seen.read_text().splitlines()) == 2)
        assert seen.read_text().splitlines() == ["kitchen LIGHT ON", "hall TURN OFF"]
        assert there.status()["hall"]["detections_by_keyword"] == {"TURN OFF": 1}


def test_one_is_muted_and_stays_so_the_other_hears(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. `kwsctl mute --source hall`; the kitchen hears on. 2. `kwsctl mute` closes all, `kwsctl unmute` opens all.
    3. A name that is none.

    Result: each state says so, events bear the name, the mistake names those that there are.
    """
    with house(tmp_path, tiny_model_dir) as there:
        client, _ = there.daemon.client()
        with client:
            assert there.ctl("mute", "--source", "hall").returncode == 0
            assert client.read_until("muted")["source"] == "hall"
            assert there.states() == ["listening", "muted"]
            assert there.ctl("status").returncode == 0
            assert "hall" in there.ctl("status").stdout
            there.kitchen.say(phrase("LIGHT ON"))
            assert client.read_until("detection")["source"] == "kitchen"
            assert there.ctl("mute").returncode == 0
            assert there.states() == ["muted", "muted"]
            assert there.ctl("unmute").returncode == 0
            assert eventually(lambda: there.states() == ["listening", "listening"])
            wrong = there.ctl("mute", "--source", "cellar")
            assert wrong.returncode != 0
            assert 'there is no "cellar"; there are: kitchen, hall' in wrong.stderr


def test_one_pulled_out_or_deaf_costs_the_other_nothing(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario, under a manager with a watchdog of 3 s.

    1. The hall's microphone is pulled out: the kitchen hears on. It is plugged in again.
    2. Of the hall's sound no frames come any more. 3. They come again.

    Result: the status line names the hall each time; while it is deaf the watchdog starves.
    """
    manager = Manager(tmp_path)
    with house(tmp_path, tiny_model_dir, environment=manager.environment(watchdog_s=3)) as there:
        client, _ = there.daemon.client()
        with client:
            there.hall.pull_out()
            lost = client.read_until("mic_lost")
            assert (lost["source"], lost["microphone"]) == ("hall", "two")
            assert there.daemon.ask(command="status")["data"]["state"] == "listening"
            assert eventually(lambda: 'listening to kitchen; hall waits for microphone "two"' in manager.last("STATUS"))
            there.kitchen.say(phrase("LIGHT ON"))
            assert client.read_until("detection")["source"] == "kitchen"
            there.hall.plug_in()
            assert client.read_until("mic_recovered")["source"] == "hall"
            (tmp_path / "deaf two").touch()
            assert eventually(lambda: there.status()["hall"]["deaf"], 10)
            assert not there.status()["kitchen"]["deaf"]
            assert eventually(lambda: "hall is deaf" in manager.last("STATUS"))
            there.kitchen.say(phrase("LIGHT ON"))
            assert client.read_until("detection")["source"] == "kitchen"
            time.sleep(1.0)
            fed = len(manager.times("WATCHDOG"))
            time.sleep(1.2)
            assert len(manager.times("WATCHDOG")) == fed
            (tmp_path / "deaf two").unlink()
            assert eventually(lambda: len(manager.times("WATCHDOG")) > fed)
    manager.close()


def test_the_quiet_share_is_one_of_all_sound(tmp_path: Path, tiny_model_dir: Path) -> None:
    """The kitchen is muted, the hall heard on, and quiet: it weighs more than in a mean of the two shares."""

    def told() -> tuple[float, float, float]:
        status = there.daemon.ask(command="status")["data"]
        heard_s = [each["stream_time"] for each in status["sources"]]
        shares = [each["quiet_gate"]["share"] for each in status["sources"]]
        weighed = sum(share * each_s for share, each_s in zip(shares, heard_s, strict=True)) / sum(heard_s)
        return status["quiet_gate"]["share"], sum(shares) / 2, weighed

    with house(tmp_path, tiny_model_dir) as there:
        assert there.daemon.ask(command="mute", source="kitchen")["ok"]
        assert eventually(lambda: abs(told()[1] - told()[2]) > 0.08, 60)
        share, _, weighed = told()
        assert share == pytest.approx(weighed, abs=0.03)


def test_lists_and_thresholds_are_each_source_s_own(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. The hall's keyword file changes. 2. A program sets the kitchen's list. 3. A threshold of a keyword of the hall.
    4. The daemon is started anew.

    Result: `reloaded` with the source; the other list stays; what was set is there again behind the restart.
    """
    with house(tmp_path, tiny_model_dir) as there:
        client, _ = there.daemon.client()
        with client:
            (tmp_path / "hall.txt").write_text("TURN OFF\nHEY LIGHT\n")
            told = client.read_until("reloaded")
            assert (told["source"], told["keywords"]) == ("hall", ["TURN OFF", "HEY LIGHT"])
            assert client.ask(command="set_keywords", keywords=["TURN ON"], source="kitchen")["ok"]
            assert client.ask(command="set_threshold", threshold=0.9, keyword="HEY LIGHT")["ok"]
        status = there.status()
        assert status["kitchen"]["keywords"] == ["TURN ON"]
        assert status["hall"]["keywords"] == ["TURN OFF", "HEY LIGHT"]
        assert status["hall"]["thresholds"]["HEY LIGHT"] == 0.9
        there.daemon.signal(signal.SIGTERM)
        assert there.daemon.wait() == 0
        own = ("--config", str(tmp_path / "config.toml"))
        with running(tmp_path, tiny_model_dir, *own) as again:
            sources = {each["name"]: each for each in again.ask(command="status")["data"]["sources"]}
            assert sources["kitchen"]["keywords"] == ["TURN ON"]
            assert sources["kitchen"]["keywords_from"] == "socket"


@needs_pulseaudio
def test_two_real_devices_through_one_portaudio(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario, with real PortAudio over two inputs of a PulseAudio server.

    1. A phrase is played into each. 2. The hall is muted, then opened again: the kitchen hears on without a gap.
    3. A third source, whose device is not there, waits.

    Result: each is told under its name; the status line names the one that waits.
    """
    manager = Manager(tmp_path)
    cellar = '\n[[source]]\nname = "cellar"\ndevice = "no such device"\n'
    (tmp_path / "config.toml").write_text(
        TWO.replace('"one"', f'"{PULSE_MICROPHONE}"').replace('"two"', f'"{OTHER}"') + cellar
    )
    (tmp_path / "hall.txt").write_text("TURN OFF\n")
    own = ("--config", str(tmp_path / "config.toml"))
    with pulse_server(others=(OTHER,)) as server:
        environment = server.env | manager.environment()
        with running(tmp_path, tiny_model_dir, *own, program=(KWSD,), environment=environment) as daemon:
            assert eventually(lambda: "listening to kitchen, hall; cellar waits for" in manager.last("STATUS"), 15)
            client, _ = daemon.client()
            with client:
                server.play(phrase("LIGHT ON"))
                assert client.read_until("detection")["source"] == "kitchen"
                server.play(phrase("TURN OFF"), microphone=OTHER)
                assert client.read_until("detection")["source"] == "hall"
                assert client.ask(command="mute", source="hall")["ok"]
                assert client.ask(command="unmute", source="hall")["ok"]
                server.play(np.concatenate([phrase("LIGHT ON"), phrase("LIGHT ON")]))
                assert client.read_until("detection")["source"] == "kitchen"
            told = {each["name"]: each for each in daemon.ask(command="status")["data"]["sources"]}
            assert told["kitchen"]["lost_ms"] == 0
            assert "is no microphone" in told["cellar"]["waiting_because"]
    manager.close()


@contextmanager
def house_with_broker(tmp_path: Path, tiny_model_dir: Path) -> Iterator[tuple[House, MqttListener]]:
    """Heard by Home Assistant: a real broker, which has been told that all hear, and kwsd-mqtt."""
    with (
        running_broker(tmp_path) as broker,
        house(tmp_path, tiny_model_dir) as there,
        bridging(tmp_path, broker.port),
        closing(MqttListener(broker)) as listener,
    ):
        assert eventually(lambda: '"hearing"' in listener.last("state"), 10)
        yield there, listener


def test_doctor_metrics_and_home_assistant_know_each_source(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario, with a real broker and kwsd-mqtt.

    1. LIGHT ON is said in the kitchen, TURN OFF in the hall. 2. The hall's microphone is pulled out.

    Result: the events that are published name their source; Home Assistant is told that it is degraded, and why;
    `kwsctl metrics` has each source's own; `kwsctl doctor` says what is wrong with the hall, and the kitchen is well.
    """
    with house_with_broker(tmp_path, tiny_model_dir) as (there, listener):
        there.kitchen.say(phrase("LIGHT ON"))
        assert eventually(lambda: len(listener.payloads("event")) == 1)
        there.hall.say(phrase("TURN OFF"))
        assert eventually(lambda: len(listener.payloads("event")) == 2)
        events = [json.loads(each) for each in listener.payloads("event")]
        assert [(each["source"], each["event_type"]) for each in events] == [
            ("kitchen", "LIGHT ON"),
            ("hall", "TURN OFF"),
        ]
        there.hall.pull_out()
        assert eventually(lambda: '"degraded"' in listener.last("state") and "hall: " in listener.last("state"), 10)
        told = there.ctl("metrics").stdout
        for line in (
            'kwsd_source_state{source="kitchen",state="listening"} 1.0',
            'kwsd_source_state{source="hall",state="waiting"} 1.0',
            'kwsd_source_detections_total{keyword="TURN OFF",source="hall"} 1.0',
            'kwsd_source_microphone_open{source="hall"} 0.0',
        ):
            assert line in told
        looked = there.ctl("doctor", "--json", "--config", str(tmp_path / "config.toml")).stdout.splitlines()
        symptoms = [json.loads(line) for line in looked]
        microphones = [(each["verdict"], each["what"]) for each in symptoms if each["area"] == "microphone"]
        assert [verdict for verdict, _ in microphones] == ["well", "wrong"]
        assert "kitchen" in microphones[0][1]
        assert "hall" in microphones[1][1]


def test_home_assistant_is_told_who_hears_though_no_event_tells_it(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario, with a real broker and kwsd-mqtt.

    1. The hall is muted, and opened again by a microphone that takes a while to give sound. 2. The kitchen's, the
    first, is pulled out, and put back. 3. Of neither's sound frames come.

    Result: degraded while one does not hear, hearing as soon as both do; a microphone is open as long as one is; deaf.
    """
    with house_with_broker(tmp_path, tiny_model_dir) as (there, listener):
        assert there.ctl("mute", "--source", "hall").returncode == 0
        there.hall.frozen = True
        assert there.ctl("unmute", "--source", "hall").returncode == 0
        assert eventually(lambda: '"degraded"' in listener.last("state"))
        there.hall.frozen = False
        assert eventually(lambda: '"hearing"' in listener.last("state"))
        there.kitchen.pull_out()
        assert eventually(lambda: '"degraded"' in listener.last("state"), 10)
        assert listener.last("microphone") == "ON"
        assert there.daemon.ask(command="status")["data"]["microphone"] == {"name": "one, two", "open": True}
        assert "kwsd_microphone_open 1.0" in there.ctl("metrics").stdout
        there.kitchen.plug_in()
        assert eventually(lambda: '"hearing"' in listener.last("state"), 15)
        (tmp_path / "deaf").touch()
        assert eventually(lambda: '"deaf"' in listener.last("state"), 15)
        assert "hall: nothing is heard of its sound" in listener.last("state")
        assert there.daemon.ask(command="status")["data"]["deaf"]


def test_a_list_of_several_that_is_edited_while_it_is_read(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Two share a file, which is edited once it has been read for both. 2. Both notice."""
    file = tmp_path / "keywords.txt"
    file.write_text("STOP\n")

    def read_then_edit(path: Path, tokenizer: PhraseTokenizer) -> KeywordList:
        found = read_keyword_file(path, tokenizer)
        file.write_text("LIGHT UP\n")
        return found

    monkeypatch.setattr(keyword_update, "read_keyword_file", read_then_edit)
    several = [SourceSettings(name=name, device=name) for name in ("hall", "attic")]

    async def watched() -> list[FileWatch | None]:
        daemon = Daemon(Settings(keywords=file, model=str(tiny_model_dir)), None, None, several)
        return [source.file_watch for source in daemon.sources]

    for watch in asyncio.run(watched()):
        assert watch is not None
        assert watch.new_digest() is None
        assert watch.new_digest() is not None
