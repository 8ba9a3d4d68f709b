"""The wake service as its clients see it: the real process, a real connection, the library's own client."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from wyoming.event import Event
from wyoming.info import Info

from testkit.broker import free_port
from testkit.commands import run
from testkit.daemons import eventually
from testkit.tiny_model import silence, speak
from testkit.wyoming import KEYWORDS, PROGRAM, WyomingProcess, pcm, serving


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> Iterator[WyomingProcess]:
    with serving(tmp_path_factory.mktemp("wyoming"), tiny_model_dir) as process:
        yield process


def test_it_serves_where_nobody_reads_its_log(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. The pipe that takes its log is full. 2. A client sends what cannot be heard, which is logged. 3. SIGTERM.

    Result: the next client is heard, and it ends at once.
    """
    log, keywords = tmp_path / "log.pipe", tmp_path / "keywords.txt"
    os.mkfifo(log)
    keywords.write_text(KEYWORDS)
    unread, filling = os.open(log, os.O_RDONLY | os.O_NONBLOCK), os.open(log, os.O_WRONLY | os.O_NONBLOCK)
    port = free_port()
    own = ("--keywords", str(keywords), "--model", str(tiny_model_dir), "--uri", f"tcp://127.0.0.1:{port}")
    with log.open("wb") as written, subprocess.Popen([PROGRAM, *own], stderr=written) as process:
        service = WyomingProcess(process, log)
        service.port = port
        os.set_blocking(unread, True)
        assert eventually(lambda: b"wake words, port" in os.read(unread, 65_536), 20)
        with suppress(BlockingIOError):
            while True:
                os.write(filling, b"x")
        with service.raw() as rude:
            rude.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert not rude.recv(1)
        with service.client() as client:
            client.say("LIGHT ON")
            assert client.detection() == "light_on"
        process.terminate()
        assert process.wait(5) == 0
    os.close(unread)
    os.close(filling)


def test_info_lists_every_armed_phrase(service: WyomingProcess) -> None:
    with service.client() as client:
        client.send("describe")
        info = Info.from_event(Event("info", client.read_data("info")))
    (program,) = info.wake
    assert [(model.name, model.description, model.phrase) for model in program.models] == [
        ("light_on", "LIGHT ON", "LIGHT ON"),
        ("dark_please", "dark please", "TURN OFF"),
        ("hey_light", "HEY LIGHT", "HEY LIGHT"),
    ]
    assert all(model.installed and model.languages == ["en"] for model in program.models)


def test_a_phrase_is_heard_and_hearing_goes_on(service: WyomingProcess) -> None:
    with service.client() as client:
        client.start()
        for text, name in (("LIGHT ON", "light_on"), ("TURN OFF", "dark_please"), ("HEY LIGHT", "hey_light")):
            client.say(text)
            assert client.detection() == name
        client.send("ping", text="there?")
        assert client.read_data("pong")["text"] == "there?"


def test_names_hold_for_their_connection_alone(service: WyomingProcess) -> None:
    """Also over `audio-start`, and with names that nothing is called."""
    with service.client() as one, service.client() as other:
        one.start(["dark_please", "no_such_word"])
        other.start()
        one.send("audio-start", rate=16_000, width=2, channels=1)
        for client in (one, other):
            client.say("LIGHT ON")
            client.say("TURN OFF")
        assert one.detection() == "dark_please"
        assert [other.detection(), other.detection()] == ["light_on", "dark_please"]


def test_the_end_of_sound_brings_out_the_last_word_or_says_that_there_was_none(service: WyomingProcess) -> None:
    with service.client() as client:
        client.start()
        client.hear(silence(1.0))
        client.send("audio-stop")
        client.read_data("not-detected")
        client.start()
        client.hear(speak("LIGHT ON", lead_s=0.3))
        client.send("audio-stop")
        assert client.detection() == "light_on"
        client.send("audio-stop")
        client.send("ping")
        client.read_data("pong")  # and no not-detected before it


def test_a_new_start_forgets_what_was_heard(service: WyomingProcess) -> None:
    with service.client() as client:
        client.start()
        client.hear(speak("LIGHT", lead_s=0.3))
        client.start()
        client.hear(speak("▁ON".replace("▁", ""), lead_s=0.1, tail_s=1.0))
        client.say("TURN OFF")
        assert client.detection() == "dark_please"


@pytest.mark.parametrize(("unit_hz", "origin"), [(1e3, 0), (1e3, 5000), (1e9, 10**15)])
def test_the_clients_own_clock_is_echoed(service: WyomingProcess, unit_hz: float, origin: int) -> None:
    """Home Assistant counts milliseconds from the start of its run, satellites nanoseconds of a monotonic clock."""
    with service.client() as client:
        client.start()
        client.hear(speak("LIGHT ON", lead_s=1.0, tail_s=1.5), piece=160, unit_hz=unit_hz, origin=origin)
        stamp = client.read_data("detection")["timestamp"]
    assert 1.2 < (stamp - origin) / unit_hz < 2.0


def test_a_client_without_a_clock_is_given_no_time(service: WyomingProcess) -> None:
    with service.client() as client:
        client.say("LIGHT ON")  # and with neither detect nor audio-start
        assert client.read_data("detection")["timestamp"] is None


@pytest.mark.parametrize("width", [2, 4])
def test_other_rates_widths_and_channels_are_heard_however_they_are_cut(service: WyomingProcess, width: int) -> None:
    mono = np.repeat(speak("LIGHT ON", lead_s=0.3, tail_s=1.5), 3)
    stereo = np.stack([mono, mono], axis=1) * (2.0 ** (8 * width - 1) - 1)
    data = stereo.astype(f"<i{width}").tobytes()
    with service.client() as client:
        client.start()
        for start in range(0, len(data), 9999):
            client.send("audio-chunk", data[start : start + 9999], rate=48_000, width=width, channels=2)
        assert client.detection() == "light_on"


@pytest.mark.parametrize("bad", [{"rate": 0}, {"rate": "16k"}, {"width": 3}, {"channels": 0}, {"channels": 10**9}])
def test_sound_that_means_nothing_is_refused_by_name(service: WyomingProcess, bad: dict[str, object]) -> None:
    with service.client() as client:
        client.send("audio-chunk", bytes(64), **{"rate": 16_000, "width": 2, "channels": 1, **bad})
        assert next(iter(bad)) in client.read_data("error")["text"]
        assert client.read() is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00\n",
        b"{}\n",
        b"[1]\n",
        b"[" * 60_000 + b"\n",
        b'{"type": "audio-chunk", "payload_length": -1}\n',
        b'{"type": "audio-chunk", "payload_length": true}\n',
        b'{"type": "audio-chunk", "payload_length": 1073741824}\n',
        b'{"type": "describe", "data_length": 99999999999}\n',
        b'{"type": "describe", "data": 5}\n',
        b'{"type": "detect", "data": {"names": 5}}\n',
        b'{"type": "detect", "data": {"names": [null]}}\n',
        b"A" * 200_000,
    ],
    ids=range(13),
)
def test_garbage_costs_its_sender_the_connection_and_nobody_else_anything(
    service: WyomingProcess, garbage: bytes
) -> None:
    with service.client() as bystander, service.raw() as sender:
        bystander.start()
        sender.sendall(garbage)
        with suppress(ConnectionResetError):
            assert sender.recv(100) == b""
        bystander.say("LIGHT ON")
        assert bystander.detection() == "light_on"
    assert "Traceback" not in service.log


def test_eight_at_once_beside_a_flood_a_stall_and_one_that_never_reads(service: WyomingProcess) -> None:
    """Scenario.

    1. One client sends sound as fast as it can, in the largest chunks there are; one stops in the middle of an event;
       one asks and never reads. 2. Eight others speak: each hears its word soon. 3. Memory has hardly grown.
    """
    before_mb = service.memory_mb()
    with service.client() as flood, service.raw() as stalled, service.client() as deaf:
        stalled.sendall(b'{"type": "audio-chunk", "data": {"rate": 16000, "width": 2, "channels": 1}, "payload_len')
        deaf.socket.settimeout(0.2)
        flood.socket.settimeout(0.2)
        with suppress(OSError):  # there is no room for more
            for _ in range(1000):
                flood.send("audio-chunk", bytes(1 << 20), rate=16_000, width=2, channels=1)
        with suppress(OSError):
            for _ in range(100_000):
                deaf.send("describe")
        clients = [service.client() for _ in range(8)]
        began_s = time.monotonic()
        for client in clients:
            client.start(["light_on"])
            client.say("LIGHT ON")
        assert [client.detection() for client in clients] == ["light_on"] * 8
        assert time.monotonic() - began_s < 5
        for client in clients:
            client.close()
    assert service.memory_mb() - before_mb < 60
    assert "Traceback" not in service.log


def test_fifty_that_vanish_in_the_middle_of_a_chunk(service: WyomingProcess) -> None:
    for _ in range(50):
        with service.client() as client:
            client.start()
            client.hear(silence(0.5))
            client.socket.sendall(b'{"type": "audio-chunk", "payload_length": 2048}\n\0\0')
    with service.client() as client:
        client.say("LIGHT ON")
        assert client.detection() == "light_on"


def test_a_new_list_is_told_and_taken_up_in_mid_stream(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A stream listens, and has asked for the list. 2. The file changes: by itself, the client is told the new list,
    the running stream hears the new phrase, and a client that asks later is told it too; one that never asked is told
    nothing. 3. The file has two keywords of one name: the old list stays, and the log says why. 4. SIGTERM ends it
    with 0.
    """
    with serving(tmp_path, tiny_model_dir) as service, service.client() as client, service.client() as other:
        other.start()
        assert client.names() == ["light_on", "dark_please", "hey_light"]
        client.start()
        client.hear(silence(1.0))
        time.sleep(1)  # the watch begins once the service listens
        (tmp_path / "keywords.txt").write_text("TURN ON\n")
        assert [model["name"] for model in client.read_data("info")["wake"][0]["models"]] == ["turn_on"]
        other.send("ping")
        other.read_data("pong")
        assert other.names() == ["turn_on"]
        client.say("TURN ON")
        assert client.detection() == "turn_on"
        (tmp_path / "keywords.txt").write_text("LIGHT ON @a-b\nTURN OFF @a b\n")
        service.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: 'the old keywords stay in force: "a b" and "a-b" are both a_b to' in service.log)
        assert client.names() == ["turn_on"]
        service.process.terminate()
        assert service.process.wait(5) == 0


def test_who_is_not_allowed_is_turned_away(tmp_path: Path, tiny_model_dir: Path) -> None:
    with serving(tmp_path, tiny_model_dir, "--allow", "10.0.0.0/8") as service:
        with service.client() as client:
            assert client.read() is None
        assert eventually(lambda: "127.0.0.1 may not connect" in service.log)


def test_places_are_counted_and_the_silent_lose_theirs(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    Two places. 1. Two hold them, one of which asked something; a third has the place of the one that never did, and a
    fourth none, once the third has spoken. 2. Who says nothing is dropped after `stalled_s`, and a client is heard.
    3. One that leaves an event unfinished goes as well.
    """
    environment = {"KWSD_WYOMING_MAX_CLIENTS": "2", "KWSD_WYOMING_STALLED_S": "1"}
    with serving(tmp_path, tiny_model_dir, environment=environment) as service:
        with service.client() as first, service.raw() as silent:
            assert first.names()
            silent.sendall(b'{"type": "audio-')
            with service.client() as third:
                assert third.names()
                assert silent.recv(1) == b""
                with service.client() as fourth:
                    assert fourth.read() is None
                assert first.names()
        with service.raw() as silent:
            assert silent.recv(1) == b""
        with service.client() as client:
            assert client.names()
            time.sleep(1.5)  # between two events one may be silent for days
            client.socket.sendall(b'{"type":')
            assert client.read() is None


def test_what_cannot_be_served_is_said_at_the_start(tmp_path: Path, tiny_model_dir: Path) -> None:
    keywords = tmp_path / "keywords.txt"
    keywords.write_text("LIGHT ON @x y\nTURN OFF @x-y\n")
    own = ("--keywords", keywords, "--model", tiny_model_dir)
    for arguments, code, told in (
        ((), 2, "give --keywords FILE"),
        (own, 78, "are both x_y to clients"),
        ((*own, "--uri", "http://x"), 2, "--uri: 'http://x'"),
        ((*own, "--allow", "home"), 2, "'home' is not a network such as"),
    ):
        done = run(PROGRAM, *arguments, home=tmp_path)
        assert (done.returncode, told in done.stderr) == (code, True), done.stderr


def test_sound_is_written_as_the_client_means_it() -> None:
    assert pcm(np.array([1.0, -1.0, 0.0], np.float32)) == b"\xff\x7f\x01\x80\x00\x00"


def test_its_end_is_no_fault_of_those_who_are_connected(tmp_path: Path, tiny_model_dir: Path) -> None:
    with serving(tmp_path, tiny_model_dir) as service, service.client() as client:
        assert client.names()
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0
        assert "Traceback" not in service.log
