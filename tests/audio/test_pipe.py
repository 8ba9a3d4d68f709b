"""Sound from a pipe: exact, prompt, and calm when the other end misbehaves."""

import io
import logging
import os
import pty
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.audio.file import CONTAINERS, FileSource
from kwsd.audio.pipe import PipeSource
from kwsd.audio.source import Samples
from kwsd.errors import AudioError
from kwsd.timebase import SAMPLE_RATE

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


BEGINNINGS = {magic[:1] for magic in CONTAINERS}  # of what may become a header: it waits for its first four bytes


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=50), max_size=10).filter(lambda parts: b"".join(parts)[:1] not in BEGINNINGS))
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


def recording(sound_format: str, subtype: str, rate_hz: int = 44_100) -> bytes:
    """A second of two channels, of which the second is louder."""
    rng, file = np.random.default_rng(0), io.BytesIO()
    sound = rng.normal(0, 0.1, (rate_hz, 2)) * (0.5, 1.0)
    soundfile.write(file, sound, rate_hz, format=sound_format, subtype=subtype)
    return file.getvalue()


FORMATS = {
    "wav": recording("WAV", "PCM_16"),
    "float.wav": recording("WAV", "FLOAT"),
    "law.wav": recording("WAV", "ULAW", 8_000),
    "flac": recording("FLAC", "PCM_16"),
    "ogg": recording("OGG", "VORBIS"),
    "opus": recording("OGG", "OPUS", 48_000),
    "mp3": b"ID3\x04" + bytes(5) + b"\x10" + bytes(16) + recording("MP3", "MPEG_LAYER_III"),
    "aiff": recording("AIFF", "PCM_16"),
    "au": recording("AU", "PCM_24"),
}


@pytest.mark.parametrize("channel", [None, 2])
@pytest.mark.parametrize("name", FORMATS)
def test_a_pipe_gives_of_every_format_what_a_file_gives(tmp_path: Path, name: str, channel: int | None) -> None:
    (tmp_path / f"sound.{name}").write_bytes(FORMATS[name])
    of_file = np.concatenate([chunk.samples for chunk in FileSource(tmp_path / f"sound.{name}", channel)])
    with pipe() as (reading, writing):
        threading.Thread(target=write_slowly, args=(writing, FORMATS[name]), daemon=True).start()
        of_pipe = np.concatenate([chunk.samples for chunk in PipeSource(reading, channel=channel)])
    # lossy decoders and the resampler round by where blocks end
    np.testing.assert_allclose(of_pipe, of_file, atol=2e-3)


def write_slowly(writing: int, data: bytes) -> None:
    for start in (0, 1, 3, 40, *range(100, len(data), 3_001)):
        end = {0: 1, 1: 3, 3: 40, 40: 100}.get(start, start + 3_001)
        os.write(writing, data[start:end])
    os.close(writing)


@pytest.mark.parametrize("claimed", [b"\x00" * 4, b"\xff" * 4, b"\x00\xf0\xff\x7f"])
def test_a_header_without_a_length_is_heard_while_it_comes(claimed: bytes) -> None:
    """1. `arecord` or `ffmpeg` writes WAV into a pipe that stays open. Result: its sound comes out before the end."""
    header = recording("WAV", "PCM_16", SAMPLE_RATE)[:44]
    assert header[36:40] == b"data"
    with pipe() as (reading, writing):
        os.write(writing, header[:4] + claimed + header[8:40] + claimed + b"\x00\x40" * 2 * SAMPLE_RATE)
        source = PipeSource(reading)
        chunk = next(iter(source))
        assert chunk.samples[100:].tolist() == [0.5] * (len(chunk.samples) - 100)
        source.close()
        os.close(writing)
        for thread in threading.enumerate():  # else it reads from whatever gets the pipe's number next
            if thread.name == "pipe":
                thread.join(5)


def test_what_only_begins_like_a_recording_is_named() -> None:
    with pipe() as (reading, writing):
        os.write(writing, b"RIFF" + bytes(100))
        os.close(writing)
        with pytest.raises(AudioError, match="stdin is not audio that can be read"):
            list(PipeSource(reading))


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


def test_raw_sound_has_one_channel() -> None:
    with pipe() as (reading, writing):
        os.write(writing, bytes(100))
        os.close(writing)
        with pytest.raises(AudioError, match="no channel 2"):
            list(PipeSource(reading, channel=2))


def test_a_closed_stdin_is_said() -> None:
    closing = f"exec {sys.executable} -c '{HEAR_STDIN}' <&-"
    heard = subprocess.run(["sh", "-c", closing], capture_output=True, text=True, check=True)
    assert "stdin is closed" in heard.stdout
