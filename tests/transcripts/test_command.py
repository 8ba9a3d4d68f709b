"""Another program as transcriber: it gets the sound, and whatever it does wrong is told and over in time."""

import json
import shlex
import sys
import threading
import time

import numpy as np
import pytest

from kwsd.errors import ConfigError, TranscriptError
from kwsd.intents import SpokenWord
from kwsd.stream import Chunk
from kwsd.transcripts.command import CommandTranscriber
from kwsd.transcripts.interface import Transcription

SECOND = np.full(16_000, 0.5, np.float32)


def program(code: str, timeout_s: float = 20.0) -> CommandTranscriber:
    """A transcriber that runs these lines of Python."""
    return CommandTranscriber(shlex.join([sys.executable, "-c", code]), timeout_s)


def test_it_is_given_a_wav_and_gaps_are_silence() -> None:
    code = (
        "import sys, wave; w = wave.open(sys.stdin.buffer); print(w.getframerate(), w.getnframes(), w.getnchannels())"
    )
    transcriber = program(code)
    transcriber.push(Chunk(16_000, SECOND, ""), ())
    transcriber.push(Chunk(48_000, SECOND, ""), ())
    assert transcriber.finish() == Transcription("16000 48000 1")


def test_words_in_json_are_placed_in_the_stream() -> None:
    code = (
        """print('{"text": "lights on", "confidence": 0.5, "words": [{"word": " lights", "start": 0.5, "end": 1}]}')"""
    )
    transcriber = program(code)
    transcriber.push(Chunk(32_000, SECOND, ""), ())
    assert transcriber.finish() == Transcription("lights on", (SpokenWord("lights", 2.5, 3.0, None),), 0.5)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit(3)", "exited with 3"),
        ("import os; os.kill(os.getpid(), 9)", "exited with -9"),
        ("import os; os.write(1, b'\\xff\\xfe')", "not UTF-8"),
        ("print('\\x00' * 3)", r"U\+0000"),
        ("print('a\\x00b\\x01c\\x02')", r"U\+0000"),
        ("print(''.join(map(chr, range(128))))", r"U\+0000"),
        ("print('\\x1b[32mturn on the light in the kitchen')", r"U\+001B"),
        ("""print('{"words": []}')""", "JSON that is no transcript"),
        ("""print('{"text": null}')""", "JSON that is no transcript"),
        ("""print('{"text": ["a"]}')""", "JSON that is no transcript"),
        (r"""print('{"text": "a\\u001b[2Jb"}')""", r"U\+001B"),
        (r"""print('{"text": "\\ud800\\ud800"}')""", r"U\+D800"),
        ("""print('{"text": "a", "words": [{"text": null, "start": 0, "end": 1}]}')""", "JSON that is no transcript"),
        (r"""print('{"text": "a", "words": [{"text": "\\u202e\\u202e", "start": 0, "end": 1}]}')""", r"U\+202E"),
        ("""print('{"text": "a", "words": [{"text": "a", "start": 2, "end": 1}]}')""", "not seconds in order"),
        ("print('x' * 2000000)", "no transcript"),
        ("print('la ' * 2000)", r"wrote 5999 letters for 1\.0 s of sound, and 4100 are the most"),
        ("import json; print(json.dumps({'text': 'la' * 3000}))", "wrote 6000 letters"),
        (
            "import json; w = dict(text='a', start=0, end=1); print(json.dumps({'text': 'a', 'words': [w] * 9000}))",
            "wrote 18000 letters",
        ),
    ],
)
def test_rubbish_and_death_are_named(code: str, why: str) -> None:
    transcriber = program(code)
    transcriber.push(Chunk(0, SECOND, ""), ())
    with pytest.raises(TranscriptError, match=why):
        transcriber.finish()


def test_a_mark_of_byte_order_is_passed_over_and_joiners_of_letters_are_text() -> None:
    persian = "می‌خواهم"
    transcriber = program(f"import os; os.write(1, {chr(0xFEFF).encode() + persian.encode()!r})")
    transcriber.push(Chunk(0, SECOND, ""), ())
    assert transcriber.finish().text == persian


@pytest.mark.parametrize(
    ("wrote", "text"),
    [
        ("turn\x13 on the light", "turn on the light"),
        ("turn on the light\x00\n", "turn on the light"),
        ("\u200eturn on\u200b the \ufeff light", "turn on the light"),
        (
            json.dumps(
                {"text": "go \x13on", "words": [{"text": t, "start": 0, "end": 1} for t in ("go", "o\x13n", "\0")]}
            ),
            "go on",
        ),
    ],
)
def test_a_stray_sign_that_nobody_can_see_or_say_costs_no_order(
    caplog: pytest.LogCaptureFixture, wrote: str, text: str
) -> None:
    """1. A recogniser writes a good text with a control sign in it. Result: the text, and one line in the log."""
    transcriber = program(f"import os; os.write(1, {wrote.encode()!r})")
    transcriber.push(Chunk(0, SECOND, ""), ())
    told = transcriber.finish()
    assert told.text == text
    assert [word.text for word in told.words] == (text.split() if told.words else [])
    (line,) = (record.message for record in caplog.records if "which nobody can see or say" in record.message)
    assert "U+" in line


@pytest.mark.parametrize("while_writing", ["sys.stdin.buffer.read()", ""])
def test_one_that_never_stops_writing_is_ended(while_writing: str) -> None:
    transcriber = program(
        f"import sys; {while_writing or 'pass'}\nwhile True: sys.stdout.write('la ' * 20000)", timeout_s=60
    )
    transcriber.push(Chunk(0, SECOND, ""), ())
    before = time.monotonic()
    with pytest.raises(TranscriptError, match="wrote more than 1 MiB"):
        transcriber.finish()
    assert time.monotonic() - before < 30


def test_one_that_hangs_is_ended_with_its_children() -> None:
    transcriber = program("import subprocess; subprocess.run(['sleep', '60'])", timeout_s=0.5)
    began_s = time.monotonic()
    with pytest.raises(TranscriptError, match=r"within 0\.5 s"):
        transcriber.finish()
    assert time.monotonic() - began_s < 20


def test_cancel_ends_it_from_another_thread() -> None:
    transcriber = program("import time; time.sleep(60)")
    timer = threading.Timer(0.5, transcriber.cancel)
    timer.start()
    with pytest.raises(TranscriptError, match="called off"):
        transcriber.finish()


def test_what_cannot_be_run_or_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such program"):
        CommandTranscriber("no-such-recogniser --fast", 1.0)
    with pytest.raises(ConfigError, match="quotation"):
        CommandTranscriber("cat 'open", 1.0)
    transcriber = program("print('x')")
    with pytest.raises(TranscriptError, match="longer than 120 s"):
        transcriber.push(Chunk(0, np.zeros(121 * 16_000, np.float32), ""), ())


def test_what_a_program_says_of_its_failure_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """1. It writes why on its standard error, and fails. Result: its last line is told, all are logged."""
    transcriber = program("import sys; print('loading', file=sys.stderr); sys.exit('no such model: tiny')")
    transcriber.push(Chunk(0, SECOND, ""), ())
    with caplog.at_level("INFO"), pytest.raises(TranscriptError, match=r"exited with 1: no such model: tiny$"):
        transcriber.finish()
    assert [record.message.split(": ", 1)[1] for record in caplog.records] == ["loading", "no such model: tiny"]


@pytest.mark.parametrize("ends", ["print('hello')", "os.close(1); time.sleep(0.2)"])
def test_gigabytes_on_standard_error_keep_nobody_waiting(caplog: pytest.LogCaptureFixture, ends: str) -> None:
    """Before and after the text; of all of it the beginning and the end are logged."""
    flood = "[os.write(2, b'la ' * 20000) for _ in range(200)]"
    transcriber = program(f"import os, time; {flood}; {ends}; {flood}")
    transcriber.push(Chunk(0, SECOND, ""), ())
    with caplog.at_level("DEBUG"):
        assert transcriber.finish().text in {"hello", ""}
    assert 0 < sum(len(record.message) for record in caplog.records) < 10_000


def test_a_child_that_goes_on_writing_errors_is_ended_with_it() -> None:
    transcriber = program(
        "import subprocess, sys; subprocess.Popen(['sleep', '60'], stdout=subprocess.DEVNULL); print('hello')"
    )
    transcriber.push(Chunk(0, SECOND, ""), ())
    began_s = time.monotonic()
    assert transcriber.finish().text == "hello"
    assert time.monotonic() - began_s < 15
