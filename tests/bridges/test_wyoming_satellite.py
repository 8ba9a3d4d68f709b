"""`kwsd-wyoming --satellite`: orders go through Home Assistant's pipeline, and its answers are played."""

import base64
import io
import signal
import subprocess
import wave
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wyoming.event import Event
from wyoming.pipeline import PipelineStage

from kwsd.bridges.wyoming.orders import OrderEvents
from testkit.commands import clean_environment
from testkit.daemons import DaemonProcess, Plug, eventually, running
from testkit.tiny_model import silence, speak
from testkit.wyoming import PROGRAM, satellite

KEYWORDS = '[[keyword]]\nphrase = "HEY LIGHT"\nname = "wake"\nlisten = true\n\n[[keyword]]\nphrase = "STOP"\n'
ORDER = np.concatenate([speak("TURN OFF"), silence(0.3), speak("THE LIGHT")])
SAID = np.concatenate([silence(0.5), speak("HEY LIGHT"), ORDER])
ANSWER = b"\x01\x02" * 2205


def audio(start: float, seconds: float, since: float = 1.0, **more: str) -> dict[str, Any]:
    """A piece of sound whose samples are their own numbers on the daemon's clock."""
    numbers = np.arange(round(start * 16_000), round((start + seconds) * 16_000)).astype("<i2")
    return {
        "type": "audio",
        "since": since,
        "start": start,
        "pcm": base64.b64encode(numbers.tobytes()).decode(),
        **more,
    }


def told(kind: str, since: float = 1.0, **more: Any) -> dict[str, Any]:
    return {"type": kind, "since": since, "keyword": "wake", **more}


def sent(orders: OrderEvents, *records: dict[str, Any]) -> tuple[list[str], list[int]]:
    """Kinds of events, chunks once, and the samples in them."""
    events = [event for record in records for event in orders.take(record)]
    pcm = b"".join(event.payload or b"" for event in events)
    kinds = [event.type for event in events]
    once = [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if (kind, before) != ("audio-chunk",) * 2]
    return once, np.frombuffer(pcm, "<i2").tolist()


@pytest.fixture
def orders() -> OrderEvents:
    return OrderEvents(PipelineStage.HANDLE)


RUN = ["detection", "run-pipeline", "audio-chunk", "audio-stop"]


@pytest.mark.parametrize(("start", "first"), [(1.05, 16_000), (1.5, 19_200)])
def test_nothing_of_the_keyword_is_sent_and_nothing_of_the_order_is_missing(
    orders: OrderEvents, start: float, first: int
) -> None:
    pieces = [audio(0.7 + number / 10, 0.1) for number in range(12)]
    begun = told("speech_start", start=start)
    assert sent(orders, *pieces[:7], begun, *pieces[7:], told("speech_end")) == (RUN, list(range(first, 30_400)))
    again = [audio(1.5, 0.2, since=1.5), told("speech_start", 1.5, start=1.6), told("speech_end", 1.5)]
    assert sent(orders, *again) == (RUN, list(range(24_000, 27_200)))


def test_where_nothing_is_said_nothing_is_sent(orders: OrderEvents) -> None:
    assert sent(orders, audio(0.7, 0.3), audio(1.0, 1.0), told("no_speech")) == ([], [])


def test_the_order_of_another_program_is_its_own(orders: OrderEvents) -> None:
    records = [audio(1.0, 0.3), {**told("speech_start", start=1.1), "keyword": None}, audio(1.3, 0.1)]
    assert sent(orders, *records, {**told("speech_end"), "keyword": None}) == ([], [])


def test_a_second_microphone_is_not_mixed_with_the_first(orders: OrderEvents) -> None:
    """Not even where both listen since the same moment; when the first is through the second has its turn."""
    kinds, samples = sent(
        orders,
        audio(1.0, 0.1, source="kitchen"),
        told("speech_start", start=1.0, source="kitchen"),
        audio(1.0, 0.1, source="hall"),
        told("speech_start", start=1.0, source="hall"),
        told("speech_end", source="hall"),
        audio(1.1, 0.1, source="kitchen"),
        told("speech_end", source="kitchen"),
    )
    assert (kinds, samples) == (RUN, list(range(16_000, 19_200)))
    hall = [told("speech_start", 3.0, start=3.0, source="hall"), audio(1.0, 0.1, since=3.0, source="hall")]
    assert sent(orders, *hall)[0] == ["detection"]


def test_an_order_that_is_lost_on_its_way_ends(orders: OrderEvents) -> None:
    sent(orders, audio(1.0, 0.1), told("speech_start", start=1.0))
    assert [event.type for event in orders.lose()] == ["audio-stop"]
    assert orders.lose() == []
    assert sent(orders, audio(1.1, 0.1), told("speech_end")) == ([], [])


def until(client: Any, kind: str) -> list[Event]:
    """Events up to the first of this kind."""
    events: list[Event] = []
    while not events or events[-1].type != kind:
        event = client.read()
        assert event is not None, "hung up"
        events.append(event)
    return events


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("satellite")


@pytest.fixture(scope="module")
def plug(directory: Path) -> Iterator[Plug]:
    with Plug(directory) as plug:
        yield plug


@pytest.fixture(scope="module")
def daemon(directory: Path, tiny_model_dir: Path, plug: Plug) -> Iterator[DaemonProcess]:
    (directory / "wake.toml").write_text(KEYWORDS)
    with running(directory, tiny_model_dir, "--keywords", str(directory / "wake.toml")) as daemon:
        assert eventually(lambda: plug.is_open, 20)
        yield daemon


def test_an_order_runs_the_pipeline_and_its_answer_is_played(
    daemon: DaemonProcess, plug: Plug, directory: Path
) -> None:
    """Scenario.

    1. An order, before Home Assistant is there. 2. It connects twice: for the list, and to stay. 3. One more.
    4. It tells the text, and sends an answer.

    Result: the first order is told as lost; of the other it has all the sound and nothing of the keyword, and can ping
    meanwhile; the player is given the answer as a WAV file, and Home Assistant told when that is played.
    """
    (directory / "player").write_text(
        f"#!/bin/sh\ncat > {directory}/part\nmv {directory}/part {directory}/answer.wav\n"
    )
    (directory / "player").chmod(0o755)
    with satellite(directory, "--play", str(directory / "player")) as service:
        assert eventually(lambda: daemon.ask(command="status")["data"]["subscribers"] >= 1, 20)
        plug.say(SAID)
        assert eventually(lambda: "an order behind wake is lost" in service.log, 20)
        with service.client() as asking, service.client() as home:
            asking.send("describe")
            info = asking.read_data("info")
            assert (info["satellite"]["name"], info["wake"]) == ("kitchen", [])
            home.send("run-satellite")
            home.send("ping", text="there?")
            assert home.read_data("pong")["text"] == "there?"
            plug.say(np.concatenate([silence(2.0), SAID]))
            events = until(home, "audio-stop")
            assert [event.type for event in events if event.type != "audio-chunk"] == [
                "detection",
                "run-pipeline",
                "audio-stop",
            ]
            assert events[0].data["name"] == "wake"
            assert (events[1].data["start_stage"], events[1].data["end_stage"]) == ("asr", "tts")
            pcm = np.frombuffer(b"".join(event.payload or b"" for event in events), "<i2").astype(np.float32) / 32767
            begins = int(np.correlate(pcm[: len(ORDER) + 8000], ORDER, "valid").argmax())
            assert begins <= 0.35 * 16_000  # the lead
            assert np.abs(pcm[begins : begins + len(ORDER)] - ORDER).max() < 0.01
            home.send("transcript", text="turn off the light\x1b[2J")
            home.send("audio-start", rate=22_050, width=2, channels=1)
            home.send("audio-chunk", ANSWER, rate=22_050, width=2, channels=1)
            home.send("audio-stop")
            assert until(home, "played")
            assert "heard: turn off the light\\u001b[2J" in service.log
        with wave.open(io.BytesIO((directory / "answer.wav").read_bytes())) as wav:
            assert (wav.getframerate(), wav.readframes(wav.getnframes())) == (22_050, ANSWER)
        assert eventually(lambda: "Home Assistant has gone" in service.log)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0


def test_it_outlives_what_it_is_told(daemon: DaemonProcess, directory: Path) -> None:  # noqa: ARG001 - its socket
    """A player that fails, answers that are no sound, foreign events, garbage, and who is not Home Assistant."""
    with satellite(directory, "--play", "false") as service:
        with service.raw() as garbage:
            garbage.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert garbage.recv(100) == b""
        with service.client() as stranger, service.client() as home:
            stranger.send("audio-start", rate=22_050, width=2, channels=1)
            stranger.send("audio-stop")
            home.send("run-satellite")
            for rate in (22_050, -1, "many", 2**40, None):
                home.send("audio-start", rate=rate, width=2, channels=1)
                home.send("audio-chunk", ANSWER, rate=rate, width=2, channels=1)
                home.send("audio-stop")
                assert until(home, "played")
            for kind in (
                "audio-stop",
                "audio-chunk",
                "audio-start",
                "timer-started",
                "synthesize",
                "transcript",
                "error",
            ):
                home.send(kind)
            home.send("ping")
            until(home, "pong")
            stranger.send("ping")
            assert stranger.read_data("pong") == {"text": None}  # and nothing that was for another
        assert "Traceback" not in service.log
        assert "exited with 1" in service.log


def test_who_says_nothing_takes_no_place_for_long(tmp_path: Path) -> None:
    """1. Somebody connects and says nothing, another asks for the list and stays. Result: both are hung up on."""
    (tmp_path / "config.toml").write_text("[wyoming]\nstalled_s = 1.0\n")
    own = ("--config", str(tmp_path / "config.toml"))
    with satellite(tmp_path, *own) as service, service.client() as home, service.client() as asking:
        home.send("run-satellite")
        asking.send("describe")
        assert asking.read_data("info")
        with service.raw() as silent:
            assert silent.recv(10) == b""
        assert asking.read() is None
        home.send("ping")
        assert home.read_data("pong") == {"text": None}


def test_a_player_that_heeds_nothing_is_ended(daemon: DaemonProcess, directory: Path) -> None:  # noqa: ARG001 - its socket
    """Scenario.

    1. An answer, to a player that hangs and does not heed SIGTERM. 2. A second answer. 3. The end.

    Result: one player at a time, and none is left behind.
    """
    hangs = f"trap '' TERM; echo $$ >> {directory}/players; while :; do sleep 0.1; done"

    def alive(expected: list[bool]) -> bool:
        file = directory / "players"
        pids = file.read_text().split() if file.exists() else []
        return [Path(f"/proc/{pid}").exists() for pid in pids] == expected

    with satellite(directory, "--play", f'sh -c "{hangs}"') as service, service.client() as home:
        home.send("run-satellite")
        for players in ([True], [False, True]):
            home.send("audio-start", rate=22_050, width=2, channels=1)
            home.send("audio-chunk", ANSWER, rate=22_050, width=2, channels=1)
            home.send("audio-stop")
            assert eventually(partial(alive, players), 20)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0
        assert eventually(partial(alive, [False, False]), 5)
        assert "Traceback" not in service.log


def test_a_player_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "--satellite", "kitchen", "--play", "no-such-player -q"],
        capture_output=True,
        text=True,
        env=clean_environment(tmp_path),
        check=False,
        timeout=30,
    )
    assert done.returncode == 78
    assert "no-such-player" in done.stderr
