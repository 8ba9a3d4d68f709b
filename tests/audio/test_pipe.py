"""Raw sound from a pipe: exact, prompt, and calm when the other end misbehaves."""

import logging
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.audio.open import open_source
from kwsd.audio.pipe import PipeSource
from kwsd.audio.source import Samples
from kwsd.errors import AudioError

HEAR_STDIN = """
from kwsd.audio.open import open_source
from kwsd.errors import AudioError
try:
    print(sum(block.samples.size for block in open_source("-")))
except AudioError as error:
    print(error)
"""


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        os.close(reading)


def hear(*parts: bytes) -> Samples:
    """What a PipeSource makes of bytes that arrive in these parts."""
    with pipe() as (reading, writing):
        blocks = iter(PipeSource(reading))
        heard = [np.zeros(0, np.float32)]
        for part in parts:
            os.write(writing, part)
            if part:
                heard.append(next(blocks).samples)
        os.close(writing)
        return np.concatenate([*heard, *(block.samples for block in blocks)])


def decoded(data: bytes) -> Samples:
    whole = data[: len(data) // 2 * 2]
    return np.frombuffer(whole, "<i2").astype(np.float32) / np.float32(32768)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=50), max_size=10))
def test_any_bytes_in_any_parts_are_the_samples_they_spell(parts: list[bytes]) -> None:
    assert np.array_equal(hear(*parts), decoded(b"".join(parts)))


def test_what_has_arrived_is_given_at_once() -> None:
    """A trickle is not kept back.

    1. One sample is written; the other end stays open.
    2. Result: it comes out, within a tenth of a second.
    """
    with pipe() as (reading, writing):
        os.write(writing, b"\x00\x40")
        started_s = time.monotonic()
        assert next(iter(PipeSource(reading))).samples.tolist() == [0.5]
        assert time.monotonic() - started_s < 0.1
        os.close(writing)


def test_an_odd_last_byte_is_dropped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert hear(b"\x00\x40\x01").tolist() == [0.5]
    assert [record.getMessage() for record in caplog.records] == [
        "stdin ended in the middle of a sample; its last byte is dropped"
    ]


def test_an_audio_file_with_a_header_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        hear(b"RIFF" + bytes(100))
    assert "ffmpeg" in caplog.text


def test_close_from_another_thread_ends_a_read_that_waits() -> None:
    with pipe() as (reading, writing):
        source = PipeSource(reading)
        threading.Timer(0.1, source.close).start()
        started_s = time.monotonic()
        assert list(source) == []
        assert time.monotonic() - started_s < 2
        source.close()
        os.close(writing)


def test_a_descriptor_that_cannot_be_read_is_named() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(AudioError, match="cannot read stdin: Bad file descriptor"):
        list(PipeSource(reading))


def hear_stdin(stdin: int) -> str:
    heard = subprocess.run([sys.executable, "-c", HEAR_STDIN], stdin=stdin, capture_output=True, text=True, check=True)
    return heard.stdout.strip()


def test_stdin_of_a_real_process() -> None:
    with pipe() as (reading, writing):
        os.write(writing, bytes(32_001))
        os.close(writing)
        assert hear_stdin(reading) == "16000"


def test_a_terminal_is_refused_with_the_command_that_feeds_it() -> None:
    controller, terminal = pty.openpty()
    assert "stdin is a terminal" in (said := hear_stdin(terminal))
    assert "arecord" in said
    os.close(controller)
    os.close(terminal)


def test_stdin_has_one_channel() -> None:
    with pytest.raises(AudioError, match="no channel 2"):
        open_source("-", channel=2)


def test_a_closed_stdin_is_said() -> None:
    closing = f"exec {sys.executable} -c '{HEAR_STDIN}' <&-"
    heard = subprocess.run(["sh", "-c", closing], capture_output=True, text=True, check=True)
    assert "stdin is closed" in heard.stdout
