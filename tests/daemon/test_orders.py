"""Orders from a running daemon: what is told of them, and their sound: over the socket, as a file, to a program."""

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import kwsd
from kwsd.client import Client as KwsdClient
from kwsd.client import KwsdError, pcm_of
from testkit.daemons import KWSD, DaemonProcess, Plug, eventually, running
from testkit.serving import Client
from testkit.tiny_model import Floats, silence, speak, with_noise

KEYWORDS = '[[keyword]]\nphrase = "HEY LIGHT"\nname = "wake"\nlisten = true\n\n[[keyword]]\nphrase = "STOP"\n'
ORDER = np.concatenate([speak("TURN OFF"), silence(0.3), speak("THE LIGHT")])
SAID = np.concatenate([silence(0.5), speak("HEY LIGHT"), ORDER])
ORDER_IS_OVER_S = 4.0
"""From the first sound of SAID's order to its end, and the silence behind it, with room to spare."""
ORDER_TYPES = ["detection", "speech_start", "speech_end", "no_speech", "audio"]
HOOK = """#!/bin/sh
cat > "$1/$KWSD_TYPE.part"
echo "$KWSD_KEYWORD $KWSD_FILE" > "$1/$KWSD_TYPE.said"
mv "$1/$KWSD_TYPE.part" "$1/$KWSD_TYPE.wav"
"""


@pytest.fixture(scope="module")
def plug(directory: Path) -> Iterator[Plug]:
    with Plug(directory) as plug:
        yield plug


@pytest.fixture(scope="module")
def daemon(directory: Path, tiny_model_dir: Path, plug: Plug) -> Iterator[DaemonProcess]:
    (directory / "wake.toml").write_text(KEYWORDS)
    (directory / "hook").write_text(HOOK)
    (directory / "hook").chmod(0o755)
    arguments = ("--keywords", str(directory / "wake.toml"), "--save-orders", str(directory / "said"))
    hook = ("--exec", f"{directory / 'hook'} {directory}")
    with running(directory, tiny_model_dir, *arguments, *hook) as daemon:
        assert eventually(lambda: plug.is_open)
        yield daemon


def order(client: Client) -> list[dict[str, Any]]:
    """All that is told up to the end of the next order."""
    told: list[dict[str, Any]] = []
    while not told or told[-1]["type"] not in {"speech_end", "no_speech"}:
        told.append(client.read())
    return told


def sound_of(records: list[dict[str, Any]]) -> Floats:
    """The sound in them, which is without a gap."""
    audio = [record for record in records if record["type"] == "audio"]
    pieces = [np.frombuffer(base64.b64decode(record["pcm"]), "<i2") for record in audio]
    for one, piece, other in zip(audio, pieces, audio[1:], strict=False):
        assert other["start"] == pytest.approx(one["start"] + len(piece) / 16_000, abs=1e-4)
    return (np.concatenate(pieces) / 32767).astype(np.float32)


def whereabouts(sound: Floats, said: Floats) -> int:
    """At which sample of the sound this was said; it must be there as a whole."""
    match = np.correlate(sound, said, "valid")
    at = int(match.argmax())
    assert np.abs(sound[at : at + len(said)] - said).max() < 0.01
    return at


def test_an_order_and_its_sound_over_the_socket_in_a_file_and_to_a_program(
    daemon: DaemonProcess, plug: Plug, directory: Path
) -> None:
    """1. Somebody says the keyword and, in one breath, an order.

    Result: events; all of the order is in the sound told before its end, which begins 0.3 s before the keyword's; the
    same in a file for nobody else, and on the standard input of the program, which is run for the detection as well.
    """
    client, _ = daemon.client()
    with client:
        assert client.ask(command="subscribe", types=ORDER_TYPES)["ok"]
        plug.say(SAID)
        told = order(client)
    kinds = [record["type"] for record in told if record["type"] != "audio"]
    assert kinds == ["detection", "speech_start", "speech_end"]
    wake, end = told[0], told[-1]
    assert {record["since"] for record in told[1:]} == {wake["end"]}
    assert end["keyword"] == "wake"
    sound = sound_of(told)
    first = next(record for record in told if record["type"] == "audio")
    assert first["start"] == pytest.approx(wake["end"] - 0.3, abs=0.001)
    begins = first["start"] + whereabouts(sound, ORDER) / 16_000
    assert begins - 0.2 <= told[[r["type"] for r in told].index("speech_start")]["start"] <= begins + 0.15
    assert end["end"] == pytest.approx(begins + len(ORDER) / 16_000, abs=0.2)
    file = Path(end["file"])
    assert (file.stat().st_mode & 0o777, file.parent) == (0o600, directory / "said")
    assert eventually((directory / "speech_end.wav").exists)
    assert (directory / "speech_end.wav").read_bytes() == file.read_bytes()
    assert (directory / "speech_end.said").read_text() == f"wake {file}\n"
    assert (directory / "detection.said").read_text() == "wake \n"
    with wave.open(str(file)) as wav:
        whole = np.frombuffer(wav.readframes(wav.getnframes()), "<i2") / 32767
    assert whereabouts(whole.astype(np.float32), ORDER) > 0
    assert len(whole) / 16_000 == pytest.approx(end["sound_end"] - end["sound_start"], abs=0.001)


def test_a_program_listens_and_is_given_the_sound(daemon: DaemonProcess, plug: Plug) -> None:
    """1. It listens, with a silence of its own. 2. Somebody speaks. 3. It listens, and nobody does."""
    said = KwsdClient(daemon.socket_path).listen(end_s=0.4)
    plug.say(np.concatenate([silence(0.3), ORDER]))
    told = list(said)
    assert told[-1]["type"] == "speech_end"
    assert told[-1]["keyword"] is None
    assert told[-1]["latency_ms"] <= 600
    assert whereabouts(sound_of(told), ORDER) > 0
    assert b"".join(pcm_of(record) for record in told if record["type"] == "audio")
    (*_, nothing) = kwsd.listen(daemon.socket_path, nothing_s=0.5)
    assert (nothing["type"], nothing["reason"]) == ("no_speech", "silence")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"end_s": -1}, "end_s"),
        ({"end_s": float("nan")}, "finite"),
        ({"longest_s": 1e9}, "longest_s"),
        ({"nothing_s": "four"}, "nothing_s"),
        ({"pre_roll_s": None, "pre_rol_s": 1}, "pre_rol_s"),
        ({"on": 1}, "on"),
    ],
)
def test_nonsense_is_refused_and_listens_for_nothing(
    daemon: DaemonProcess, settings: dict[str, Any], complaint: str
) -> None:
    reply = daemon.ask(command="listen", **settings)
    assert not reply["ok"]
    assert complaint in reply["error"]


def test_the_client_says_what_is_refused(daemon: DaemonProcess) -> None:
    with pytest.raises(KwsdError, match="longest_s"):
        list(kwsd.listen(daemon.socket_path, longest_s=0))


def test_to_mute_ends_listening(daemon: DaemonProcess, plug: Plug) -> None:
    """1. A program listens. 2. The microphone is muted: that is told. 3. Listening is refused. 4. It opens again."""
    client, _ = daemon.client()
    with client:
        assert client.ask(command="listen")["ok"]
        client.send(command="mute")
        assert client.read_until("no_speech")["reason"] == "stopped"
        refused = client.ask(command="listen")
        while refused["command"] != "listen":
            refused = client.read_until("reply")
        assert "unmute" in refused["error"]
        assert client.ask(command="unmute")["ok"]
    assert eventually(lambda: plug.is_open)


def test_what_was_said_before_muting_is_not_handed_over(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. No keyword listens; something is said. 2. Muted, and open again. 3. A program asks for 8 s of before."""
    with Plug(tmp_path) as plug, running(tmp_path, tiny_model_dir) as daemon:
        assert eventually(lambda: plug.is_open)
        plug.say_all(np.concatenate([silence(0.2), ORDER, silence(1.0)]))
        assert daemon.ask(command="mute")["ok"]
        assert daemon.ask(command="unmute")["ok"]
        assert eventually(lambda: plug.is_open)
        sound = sound_of([*KwsdClient(daemon.socket_path).listen(pre_roll_s=8, nothing_s=0.5)])
    assert len(sound) > 16_000
    assert np.abs(sound).max() < 0.01


def test_a_file_has_all_of_an_order_that_began_late(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. Nothing is said for 11 s behind the keyword, which is allowed. 2. An order. Result: a whole file."""
    (tmp_path / "wake.toml").write_text(KEYWORDS)
    (tmp_path / "kwsd.toml").write_text("[orders]\nnothing_s = 12\nlongest_s = 2\n")
    sound = with_noise(np.concatenate([SAID[: -len(ORDER)], silence(11), ORDER, silence(1.5)]), 1e-4)
    soundfile.write(tmp_path / "said.wav", sound, 16_000)
    words = ["--model", str(tiny_model_dir), "--config", "kwsd.toml", "--keywords", "wake.toml", "--input", "said.wav"]
    command = [KWSD, *words, "--json", "--save-orders", "said", "--socket", str(tmp_path / "s")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    (end,) = [each for each in map(json.loads, done.stdout.splitlines()) if each["type"] == "speech_end"]
    with wave.open(end["file"]) as wav:
        assert wav.getnframes() / 16_000 == pytest.approx(end["sound_end"] - end["sound_start"], abs=0.001)


def test_who_listens_again_at_once_is_told_of_its_own_order(daemon: DaemonProcess) -> None:
    """1. A program listens. 2. Another does, before more is heard. Result: the first's end is not its own."""
    first, second = [KwsdClient(daemon.socket_path).listen(nothing_s=each) for each in (3, 0.5)]
    ends = [[*each][-1] for each in (second, first)]
    assert [(end["type"], end["reason"]) for end in ends] == [("no_speech", "silence"), ("no_speech", "stopped")]
    assert ends[0]["since"] > ends[1]["since"]


def test_a_microphone_that_is_lost_ends_an_order(daemon: DaemonProcess, plug: Plug) -> None:
    """1. A program listens. 2. The microphone is pulled out: told. 3. What is said when it is back is no order."""
    listening = KwsdClient(daemon.socket_path).listen(nothing_s=60)
    plug.pull_out()
    end = [*listening][-1]
    assert (end["type"], end["reason"]) == ("no_speech", "lost")
    client, _ = daemon.client()
    with client:
        assert client.ask(command="subscribe", types=[*ORDER_TYPES, "mic_recovered"])["ok"]
        plug.plug_in()
        client.read_until("mic_recovered")
        plug.say(np.concatenate([silence(0.3), ORDER, silence(0.5), speak("STOP"), silence(0.5)]))
        assert client.read()["type"] == "detection"


def test_subscribers_that_stall_are_told_or_sent_away_and_cost_the_others_nothing(
    daemon: DaemonProcess, plug: Plug
) -> None:
    """Scenario.

    1. Two subscribe to the sound. One reads nothing for an order of 15 s, one reads a line in 0.3 s.
    2. A third hears all of it meanwhile. 3. The slow one reads on. 4. Another order.

    Result: the first is sent away; the second has everything up to a hole, is told by `dropped` how much lacks, and has
    what came last; the third lacks nothing.
    """
    stalling, slow = daemon.client()[0], daemon.client()[0]
    with stalling, slow:
        for client in (stalling, slow):
            assert client.ask(command="subscribe", types=ORDER_TYPES)["ok"]
        listening = KwsdClient(daemon.socket_path).listen(longest_s=15, end_s=10)
        heard: list[dict[str, Any]] = []
        hearing = threading.Thread(target=lambda: heard.extend(listening))
        hearing.start()
        plug.say(np.concatenate([speak("TURN OFF"), *[silence(0.2), speak("THE LIGHT")] * 24]))
        told: list[dict[str, Any]] = []
        for _ in range(40):
            time.sleep(0.3)
            told.append(slow.read())
        hearing.join()
        plug.forget()
        assert heard[-1]["reason"] == "longest"
        assert len(sound_of(heard)) > 14 * 16_000
        while told[-1]["type"] != "speech_end":
            told.append(slow.read())
        sent = [record for record in told if record["type"] == "audio"]
        dropped = sum(record["n"] for record in told if record["type"] == "dropped")
        assert dropped > 0
        assert len(sent) + dropped == sum(record["type"] == "audio" for record in heard)
        assert sent[-1]["start"] == [record for record in heard if record["type"] == "audio"][-1]["start"]
        with pytest.raises(EOFError):
            stalling.read_until("speech_end")
    assert daemon.ask(command="status")["data"]["dropped_events"] >= dropped
    listening = KwsdClient(daemon.socket_path).listen()
    plug.say(np.concatenate([silence(0.3), ORDER]))
    assert whereabouts(sound_of(list(listening)), ORDER) > 0


def test_a_full_disk_is_told_and_the_order_all_the_same(daemon: DaemonProcess, plug: Plug, directory: Path) -> None:
    """1. The directory is gone and cannot be made again. 2. An order. 3. It can: the next one has a file."""
    shutil.rmtree(directory / "said")
    (directory / "said").write_text("in the way")
    for fault in (True, False):
        time.sleep(1.0)
        told = KwsdClient(daemon.socket_path).listen()
        plug.say(np.concatenate([silence(0.3), ORDER]))
        end = list(told)[-1]
        assert (end["type"], end["file"] is None, end["file_error"] is None) == ("speech_end", fault, not fault)
        (directory / "said").unlink(missing_ok=True) if fault else None
    assert any("save_orders" in line and "lost until it works again" in line for line in daemon.log)
    assert json.dumps(end)


def test_the_example_gives_the_sound_to_whisper(tmp_path: Path) -> None:
    """1. It is run for a detection: nothing. 2. For the end of an order: whisper.cpp has the sound on its input."""
    whisper = tmp_path / "whisper-cli"
    whisper.write_text('#!/bin/sh\necho "$@"\nexec cat\n')
    whisper.chmod(0o755)
    example = Path(__file__).parents[2] / "examples" / "order-to-whisper"
    told = {}
    for kind in ("detection", "speech_end"):
        environ = {**os.environ, "KWSD_TYPE": kind, "WHISPER_CLI": str(whisper), "WHISPER_MODEL": "base.bin"}
        told[kind] = subprocess.run([example], input=b"RIFF", env=environ, capture_output=True, check=True).stdout
    assert told == {
        "detection": b"",
        "speech_end": b"--model base.bin --no-timestamps --no-prints --file -\nRIFF",
    }


RECOGNISER = """
import asyncio, sys
from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStop
from wyoming.event import async_read_event, async_write_event

async def serve(reader, writer):
    size = 0
    while sys.argv[2] == "works" and (event := await async_read_event(reader)) is not None:
        if AudioChunk.is_type(event.type):
            size += len(AudioChunk.from_event(event).audio)
        if AudioStop.is_type(event.type):
            await async_write_event(Transcript(f"{size} bytes").event(), writer)
    writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def test_the_example_gives_the_sound_to_a_wyoming_recogniser(daemon: DaemonProcess, plug: Plug) -> None:
    """Scenario.

    1. The program runs beside the daemon. 2. An order while there is no recogniser, and one to a recogniser that hangs
    up: the program says so and goes on. 3. An order: it prints what the recogniser made of its sound.
    """
    pytest.importorskip("wyoming")
    example = Path(__file__).parents[2] / "examples" / "order_to_wyoming.py"
    pipe: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, str(example), f"tcp://127.0.0.1:{port}", str(daemon.socket_path)]
    with ExitStack() as stack:
        program = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, **pipe))
        stack.callback(program.kill)  # else a test that fails would wait for it for ever
        assert program.stdout is not None
        assert program.stderr is not None
        assert eventually(lambda: daemon.ask(command="status")["data"]["subscribers"] >= 2, 20)
        for how in ("", "hangs up", "works"):
            time.sleep(ORDER_IS_OVER_S)  # its loss is told at its first sound
            with ExitStack() as running:
                if how:
                    recogniser = running.enter_context(
                        subprocess.Popen([sys.executable, "-c", RECOGNISER, port, how], **pipe)
                    )
                    running.callback(recogniser.terminate)
                    assert recogniser.stdout is not None
                    assert recogniser.stdout.readline()
                plug.say(SAID)
                if how != "works":
                    assert "this order is lost" in program.stderr.readline()
                else:
                    assert int(program.stdout.readline().split()[0]) >= 2 * len(ORDER)


def test_the_example_keeps_orders_apart_and_says_what_it_missed(tmp_path: Path) -> None:
    """Scenario.

    1. Two microphones hear an order at once. 2. The daemon dropped some of the next, the program being too slow.
    3. One more. Result: the text of the first order alone; the second is told as lost; that of the last.
    """
    pytest.importorskip("wyoming")
    piece = {"type": "audio", "start": 0.0, "pcm": base64.b64encode(bytes(200)).decode()}
    kitchen, hall = ({"source": source, "since": 1.0} for source in ("kitchen", "hall"))
    records = [{**piece, **where} for where in (kitchen, hall, kitchen, hall)]
    records += [{"type": "speech_end", **where} for where in (kitchen, hall)]
    records += [{**piece, "since": 2.0}, {"type": "dropped", "n": 9}, {**piece, "since": 2.0}]
    records += [{**piece, "since": 3.0}, {"type": "speech_end", "since": 3.0}]
    begun = [
        {"type": "hello", "protocol": 1, "model": "m", "keywords": [], "microphone": {}, "state": "listening"},
        {"type": "reply", "ok": True, "data": {}},
    ]
    lines = [json.dumps(line) + "\n" for line in [*begun, *records]]
    example = Path(__file__).parents[2] / "examples" / "order_to_wyoming.py"
    pipe: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True}
    with socket.socket(socket.AF_UNIX) as listener, ExitStack() as running:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        recogniser = running.enter_context(subprocess.Popen([sys.executable, "-c", RECOGNISER, "0", "works"], **pipe))
        running.callback(recogniser.terminate)
        assert recogniser.stdout is not None
        command = [sys.executable, str(example), f"tcp://127.0.0.1:{recogniser.stdout.readline().strip()}"]
        program = running.enter_context(
            subprocess.Popen([*command, str(tmp_path / "s")], stderr=subprocess.PIPE, **pipe)
        )
        running.callback(program.terminate)
        with listener.accept()[0] as daemon:
            daemon.sendall("".join(lines).encode())
            assert program.stdout is not None
            assert program.stderr is not None
            assert program.stdout.readline() == "400 bytes\n"
            assert "this order is lost" in program.stderr.readline()
            assert program.stdout.readline() == "200 bytes\n"


@pytest.mark.parametrize("words", [[], ["tcp://127.0.0.1"], ["here"]])
def test_the_example_says_how_it_is_run(words: list[str]) -> None:
    pytest.importorskip("wyoming")
    example = Path(__file__).parents[2] / "examples" / "order_to_wyoming.py"
    done = subprocess.run([sys.executable, example, *words], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert "tcp://" in done.stderr
    assert "Traceback" not in done.stderr
