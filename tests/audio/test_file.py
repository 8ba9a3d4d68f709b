"""Files of any kind: what is in them is heard, in time; what is wrong with them is said."""

import io
import itertools
import logging
import os
import re
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.audio.file import FileSource
from kwsd.audio.open import open_source
from kwsd.audio.source import Samples
from kwsd.errors import AudioError
from kwsd.timebase import SAMPLE_RATE

LOSSLESS = [
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_16"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
]
LOSSLESS += [("FLAC", "PCM_16"), ("FLAC", "PCM_24"), ("WAV", "ULAW")]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
HEAR_LONG_FILE = """
import resource, sys
from pathlib import Path
from kwsd.audio.file import FileSource
peaks_kb = []
heard = 0
for block in FileSource(Path(sys.argv[1])):
    heard += block.samples.size
    peaks_kb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(heard / 16000, peaks_kb[20], peaks_kb[-1])
"""


def sweep(rate_hz: int, duration_s: float = 1.5) -> Samples:
    """A sweep from 200 Hz to 3 kHz, which every format here can carry; no two moments of it are alike."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    phase = 2 * np.pi * (200 * time_s + (3_000 - 200) / (2 * duration_s) * time_s**2)
    return (0.3 * np.sin(phase)).astype(np.float32)


def hear(path: Path, channel: int | None = None) -> Samples:
    return np.concatenate([block.samples for block in FileSource(path, channel)])


def write(path: Path, samples: Any, rate_hz: int = SAMPLE_RATE, subtype: str = "PCM_16") -> Path:
    soundfile.write(path, samples, rate_hz, subtype=subtype)
    return path


def likeness(heard: Samples, wanted: Samples) -> float:
    """Correlation over what both have, so a shift in time counts against it."""
    common = min(len(heard), len(wanted))
    return float(np.corrcoef(heard[:common], wanted[:common])[0, 1])


@pytest.mark.parametrize(("container", "subtype"), LOSSLESS + LOSSY)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_format_rate_and_channel_count(
    tmp_path: Path, container: str, subtype: str, rate_hz: int, channels: int
) -> None:
    if subtype == "OPUS" and rate_hz == 44_100:
        pytest.skip("Opus has no 44.1 kHz")
    path = tmp_path / f"sweep.{container}"
    frames = np.repeat(sweep(rate_hz)[:, None], channels, axis=1)
    soundfile.write(path, frames, rate_hz, format=container, subtype=subtype)
    heard = hear(path)
    lossless = (container, subtype) in LOSSLESS
    assert abs(len(heard) - 1.5 * SAMPLE_RATE) <= (1 if lossless else 0.1 * SAMPLE_RATE)
    assert likeness(heard, sweep(SAMPLE_RATE)) > (0.999 if lossless else 0.98)
    assert FileSource(path).duration_s == pytest.approx(1.5, abs=0.1)


def test_16_khz_pcm_is_exact(tmp_path: Path) -> None:
    integers = np.random.default_rng(0).integers(-32768, 32768, 30_000).astype(np.int16)
    heard = hear(write(tmp_path / "noise.wav", integers))
    assert np.array_equal(heard, integers.astype(np.float32) / np.float32(32768))


def test_speech_in_any_channel_is_heard_or_one_is_picked(tmp_path: Path) -> None:
    left, right = np.zeros(8_000, np.float32), sweep(SAMPLE_RATE, 0.5)
    path = write(tmp_path / "stereo.wav", np.column_stack([left, right]), subtype="FLOAT")
    assert np.array_equal(hear(path), right / 2)
    assert not hear(path, channel=1).any()
    assert np.array_equal(hear(path, channel=2), right)
    for channel in (0, 3):
        with pytest.raises(AudioError, match=f"stereo.wav has no channel {channel}: it has 2"):
            FileSource(path, channel)


def test_samples_that_are_not_numbers_are_silence_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    samples = sweep(SAMPLE_RATE)
    wanted = samples.copy()
    for position, value in ((10, np.nan), (9_000, np.inf), (20_000, -np.inf)):
        samples[position], wanted[position] = value, 0
    path = write(tmp_path / "broken.wav", samples, subtype="FLOAT")
    with caplog.at_level(logging.WARNING):
        assert np.array_equal(hear(path), wanted)
    assert len(caplog.records) == 1
    assert "broken.wav: 3 samples are NaN or infinite" in caplog.text


def test_dc_offset_clipping_and_samples_beyond_full_scale_are_tolerated(tmp_path: Path) -> None:
    loud = 4 * sweep(SAMPLE_RATE) + 0.2
    assert np.array_equal(hear(write(tmp_path / "loud.wav", loud, subtype="FLOAT")), np.clip(loud, -1, 1))


@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), *LOSSY])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_a_truncated_file_plays_what_is_there(tmp_path: Path, container: str, subtype: str, kept: float) -> None:
    path = tmp_path / f"sweep.{container}"
    soundfile.write(path, sweep(SAMPLE_RATE, 20), SAMPLE_RATE, format=container, subtype=subtype)
    os.truncate(path, int(path.stat().st_size * kept))
    heard = hear(path)
    assert len(heard) > kept / 2 * 20 * SAMPLE_RATE  # Ogg pages hold many seconds, and the last one is lost whole
    assert likeness(heard, sweep(SAMPLE_RATE, 20)) > 0.98


def test_where_a_compressed_file_is_damaged_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "noise.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 10 * SAMPLE_RATE), SAMPLE_RATE)
    os.truncate(path, path.stat().st_size // 2)
    with caplog.at_level(logging.WARNING):
        hear(path)
    assert re.search(r"noise\.flac is damaged or cut off after (4\.5|5\.0) s", caplog.text)


def test_a_compressed_file_damaged_from_its_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "noise.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 10 * SAMPLE_RATE), SAMPLE_RATE)
    damaged = bytearray(path.read_bytes())
    damaged[200:] = bytes(len(damaged) - 200)
    path.write_bytes(damaged)
    with pytest.raises(AudioError, match=r"noise\.flac"):
        hear(path)


def test_mp3_does_not_depend_on_blocks(tmp_path: Path) -> None:
    """Blocks read by soundfile alone do: it seeks between them, and each begins with a click."""
    path = tmp_path / "sweep.mp3"
    soundfile.write(path, sweep(SAMPLE_RATE, 5), SAMPLE_RATE)
    whole, _ = soundfile.read(path, dtype="float32")
    assert np.allclose(hear(path), whole, rtol=0, atol=1e-6)


def test_a_file_without_sound_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "header.wav", np.zeros(0, np.int16))
    assert FileSource(path).duration_s == 0
    with caplog.at_level(logging.WARNING):
        assert hear(path).size == 0
    assert "header.wav holds no sound" in caplog.text


def wav_header(data_bytes: int, rate_hz: int = 48_000, channels: int = 2) -> bytes:
    frame_bytes = 2 * channels
    layout = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, 16)
    return (
        struct.pack("<4sI4s4sI", b"RIFF", 36 + data_bytes, b"WAVE", b"fmt ", 16)
        + layout
        + struct.pack("<4sI", b"data", data_bytes)
    )


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """20 minutes of 48 kHz stereo, 230 MB, as a hole on the disk.

    1. It is played from end to end in a process of its own.
    2. Result: all was heard, and the peak of memory at the end is within 2 MB of that after the first 10 s.
    """
    path, data_bytes = tmp_path / "long.wav", 1_200 * 48_000 * 4
    path.write_bytes(wav_header(data_bytes))
    os.truncate(path, 44 + data_bytes)
    command = [sys.executable, "-c", HEAR_LONG_FILE, str(path)]
    heard_s, early_kb, late_kb = map(float, subprocess.check_output(command, text=True).split())
    assert heard_s == pytest.approx(1_200, abs=0.01)
    assert late_kb - early_kb < 2_048


def test_close_from_another_thread_ends_the_iteration(tmp_path: Path) -> None:
    source = FileSource(write(tmp_path / "long.wav", np.zeros(60 * SAMPLE_RATE, np.int16)))
    blocks = iter(source)
    next(blocks)
    closing = threading.Thread(target=source.close)
    closing.start()
    closing.join()
    assert sum(block.samples.size for block in blocks) == 0
    source.close()


def test_what_is_not_a_readable_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "letter.txt").write_text("Dear Sir, " * 500)
    (tmp_path / "picture.wav").write_bytes(b"\x89PNG\r\n" + bytes(5_000))
    (tmp_path / "slow.wav").write_bytes(wav_header(4_000, rate_hz=1) + bytes(4_000))
    os.mkfifo(tmp_path / "fifo")
    for name, reason in {
        "missing.wav": "does not exist: give an audio file (WAV, FLAC, OGG, Opus or MP3), mic, or - for stdin",
        "x" * 300: "cannot be read: [Errno 36] File name too long",
        "empty.wav/below": "cannot be read: [Errno 20] Not a directory",
        ".": "is a directory",
        "empty.wav": "is empty",
        "letter.txt": "is not audio that can be read (WAV, FLAC, OGG, Opus or MP3)",
        "picture.wav": "is not audio",
        "slow.wav": "claims a rate of 1 Hz",
        "fifo": "is not a regular file: give an audio file (WAV, FLAC, OGG, Opus or MP3), mic, or - for stdin",
    }.items():
        with pytest.raises(AudioError) as raised:
            open_source(str(tmp_path / name))
        assert reason in str(raised.value)
        assert str(tmp_path / name) in str(raised.value)


def test_a_home_that_does_not_exist_is_a_missing_file() -> None:
    with pytest.raises(AudioError, match=r"~nobody-by-this-name/x\.wav does not exist"):
        open_source("~nobody-by-this-name/x.wav")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.wav", sweep(SAMPLE_RATE))
    path.chmod(0)
    with pytest.raises(AudioError, match=r"secret\.wav"):
        FileSource(path)


def small_files() -> list[bytes]:
    """One small file of each container, to be damaged."""
    files = []
    for container, subtype in [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAVEX", "FLOAT"), ("FLAC", "PCM_16"), *LOSSY]:
        stored = io.BytesIO()
        soundfile.write(stored, sweep(8_000, 0.2), 8_000, format=container, subtype=subtype)
        files.append(stored.getvalue())
    return files


damage = st.tuples(st.integers(0, 200) | st.integers(0, 3_000), st.binary(min_size=1, max_size=6))


@settings(deadline=None, max_examples=400)
@given(whole=st.sampled_from(small_files()), damages=st.lists(damage, max_size=4), kept=st.floats(0.02, 1))
def test_a_damaged_file_gives_finite_sound_or_a_named_error(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, damages: list[tuple[int, bytes]], kept: float
) -> None:
    damaged = bytearray(whole[: max(1, int(len(whole) * kept))])
    for position, replacement in damages:
        if position < len(damaged):
            damaged[position : position + len(replacement)] = replacement
    path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(damaged)
    try:
        for block in itertools.islice(FileSource(path), 2_000):
            assert block.samples.dtype == np.float32
            assert block.samples.ndim == 1
            assert np.isfinite(block.samples).all()
    except AudioError as error:
        assert str(path) in str(error)  # noqa: PT017 - an error is allowed here, not required
