"""A pipeline in a process of its own: whatever it does wrong is told and over in time."""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kwsd.errors import ConfigError, TranscriptError
from kwsd.intents import SpokenWord
from kwsd.stream import Chunk
from kwsd.transcripts.interface import Transcription
from kwsd.transcripts.pipeline import PipelineProcess, PipelineTranscriber, pipeline_process
from testkit.daemons import eventually

SECOND = np.full(16_000, 0.5, np.float32)
WORKER = """
import json, os, socket, sys, time
connection = socket.socket(fileno=os.dup(0))
stream = connection.makefile("rwb")
def tell(line): stream.write(line + b"\\n"); stream.flush()
def hear(): return stream.read(4 * json.loads(stream.readline())["samples"])
READY = b'{"ready": true}'
"""


@contextmanager
def process(code: str, timeout_s: float = 20.0, idle_s: float = 60.0) -> Iterator[PipelineProcess]:
    """One that runs these lines behind the usual beginning."""
    made = PipelineProcess("worker", [sys.executable, "-c", WORKER + code], timeout_s=timeout_s, idle_s=idle_s)
    yield made
    made.kill()


def text_of(made: PipelineProcess) -> Transcription:
    transcriber = PipelineTranscriber(made)
    transcriber.push(Chunk(32_000, SECOND, ""), ())
    return transcriber.finish()


ECHO = """
tell(READY)
while True:
    sound = hear()
    print("a library that prints")
    words = [{"text": "lights", "start": 0.5, "end": 1}]
    tell(json.dumps({"text": f"{len(sound)} {os.getpid()}", "words": words}).encode())
"""


def test_what_has_ended_is_not_killed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. The process has ended, being idle, long ago. 2. The daemon ends. Result: its number is let alone."""
    with process(ECHO, idle_s=0.2) as made:
        text_of(made)
        assert eventually(lambda: not made.is_running)
        time.sleep(1.0)
        killed: list[int] = []
        monkeypatch.setattr(os, "killpg", lambda group, _signal: killed.append(group))
        made.kill()
        assert not killed


def test_one_process_serves_all_and_ends_when_nobody_wants_it() -> None:
    """1. Nothing is asked: nothing runs. 2. Two utterances: one process, stream times. 3. Idle: gone. 4. Anew."""
    with process(ECHO, idle_s=1.0) as made:
        assert not made.is_running
        first, second = text_of(made), text_of(made)
        assert first == second
        length, pid = first.text.split()
        assert (length, first.words) == ("64000", (SpokenWord("lights", 2.5, 3.0, None),))
        assert eventually(lambda: not made.is_running)
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
        assert text_of(made).text != first.text


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("sys.exit(3)", "worker: died"),
        ('tell(b\'{"error": "no config.json"}\')', "worker: no config.json"),
        ("tell(READY); hear(); os.kill(os.getpid(), 9)", "worker: died"),
        ("tell(READY); hear(); tell(b'what?')", "wrote what is no transcript"),
        ("tell(READY); hear(); tell(b'[1]')", "wrote what is no transcript"),
        ("tell(READY); hear(); tell(b'{\"words\": 3}')", "JSON that is no transcript"),
        ('tell(READY); hear(); tell(b\'{"error": "out of memory"}\'); hear()', "worker: out of memory"),
        ("tell(READY); hear(); stream.write(b'x' * 3000000); stream.flush()", "wrote more than any transcript"),
        ("tell(READY); tell(json.dumps({'text': 'la ' * 9000}).encode()); hear()", "wrote 26999 letters"),
        ("tell(READY); hear(); time.sleep(60)", r"wrote nothing within 0\.5 s, and was ended"),
        ("tell(READY); time.sleep(60)", r"within 0\.5 s, and was ended|takes no sound, and was ended"),
    ],
)
def test_rubbish_death_and_waiting_are_named(code: str, why: str) -> None:
    with process(code, timeout_s=0.5) as made:
        began_s = time.monotonic()
        with pytest.raises(TranscriptError, match=why):
            text_of(made)
        assert time.monotonic() - began_s < 20


def test_why_it_ended_is_told_however_late_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. It is being waited for, says why it cannot go on, and ends. 2. Only after that is anything read."""
    with process('tell(b\'{"error": "no config.json"}\')') as made:
        line = PipelineProcess._line

        def late(*arguments: Any) -> bytes:
            assert eventually(lambda: not made.is_running)
            time.sleep(2.0)  # as long as its end is looked for
            return line(made, *arguments)

        monkeypatch.setattr(made, "_line", late)
        with pytest.raises(TranscriptError, match="no config"):
            text_of(made)


def test_one_that_died_is_started_anew(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    dies_once = f"""
import pathlib
mark = pathlib.Path({str(mark)!r})
if not mark.exists():
    mark.touch()
    tell(READY)
    hear()
    sys.exit()
"""
    with process(dies_once + ECHO) as made:
        with pytest.raises(TranscriptError, match="died"):
            text_of(made)
        assert text_of(made).text.startswith("64000 ")


def test_cancel_ends_it_from_another_thread() -> None:
    with process("tell(READY); hear(); time.sleep(60)") as made:
        transcriber = PipelineTranscriber(made)
        timer = threading.Timer(0.5, transcriber.cancel)
        timer.start()
        with pytest.raises(TranscriptError, match="called off"):
            transcriber.finish()


def test_what_cannot_be_is_refused_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(model: str) -> PipelineProcess:
        return pipeline_process(model, allow_downloads=False, trust_code=False, timeout_s=1, idle_s=1)

    monkeypatch.setattr("kwsd.transcripts.pipeline.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'kwsd\[asr\]'"):
        made(str(tmp_path))
    monkeypatch.setattr("kwsd.transcripts.pipeline.find_spec", lambda name: name)
    with pytest.raises(ConfigError, match="no such directory; to fetch it from a hub, set allow_downloads"):
        made("openai/whisper-tiny.en")
    with pytest.raises(ConfigError, match=r"has no config\.json; give the directory of a transformers model"):
        made(str(tmp_path))


@pytest.mark.timeout(600)  # torch takes its time to load
@pytest.mark.skipif(not all(map(find_spec, ("transformers", "torch"))), reason="kwsd[asr] is not installed")
def test_a_real_pipeline_of_random_weights_writes_something(tmp_path: Path) -> None:
    """1. A Whisper of two tiny layers. 2. A directory of no known model. Result: words with times; why it cannot be."""
    from testkit.tiny_whisper import write_tiny_whisper  # noqa: PLC0415 - imports transformers

    write_tiny_whisper(tmp_path / "whisper")
    (tmp_path / "config.json").write_text("{}")
    good, bad = (
        pipeline_process(str(tmp_path / name), allow_downloads=False, trust_code=False, timeout_s=60, idle_s=60)
        for name in ("whisper", ".")
    )
    told = text_of(good)
    assert all(2.0 <= word.start <= word.end for word in told.words)
    with pytest.raises(TranscriptError, match="config"):
        text_of(bad)
    good.kill()
