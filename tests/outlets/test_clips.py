"""The ring of the newest sound, and clips on disk within limits."""

import io
import os
import resource
import signal
import time
import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.errors import ConfigError
from kwsd.outlets.recent_audio import Ring
from kwsd.outlets.saver import Saver
from kwsd.outlets.wav import wav_bytes

SECOND = 16_000


def counting(start: int, count: int) -> np.ndarray:
    """Samples that tell where in the stream they are."""
    return ((np.arange(start, start + count) % 30_000) / 32767).astype(np.float32)


@given(
    pieces=st.lists(st.tuples(st.integers(0, 3000), st.booleans()), max_size=30),
    start=st.integers(0, 40_000),
    length=st.integers(0, 2000),
)
def test_a_cut_is_what_was_there(pieces: list[tuple[int, bool]], start: int, length: int) -> None:
    """However the sound comes in, and whatever of it is lost, a cut equals a whole recording cut at that place."""
    ring = Ring(0.1)
    whole = np.zeros(0, np.int16)
    for count, lost in pieces:
        if lost:
            ring.skip(count)
            whole = np.append(whole, np.zeros(count, np.int16))
        else:
            ring.append(counting(len(whole), count))
            whole = np.append(whole, np.round(counting(len(whole), count) * 32767).astype(np.int16))
    first, pcm = ring.cut(start, start + length)
    oldest = max(start, len(whole) - ring.length)
    wanted = whole[oldest : max(oldest, min(start + length, len(whole)))]
    assert len(pcm) == len(wanted)
    if len(pcm):
        assert first == oldest
        assert np.abs(pcm.astype(int) - wanted).max() <= 1


def test_what_is_too_loud_or_not_finite_is_kept_in_bounds() -> None:
    ring = Ring(1.0)
    ring.append(np.array([2.0, -2.0, np.nan, np.inf], np.float32))
    assert ring.cut(0, 4)[1].tolist() == [32767, -32767, 0, 32767]


def test_wav_bytes_are_a_wav_file() -> None:
    with wave.open(io.BytesIO(wav_bytes(np.arange(100, dtype=np.int16)))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (SECOND, 1, 100)


def saver_in(directory: Path, limit_mb: float = 1.0, limit_days: float = 1.0) -> Saver:
    return Saver(directory, limit_mb=limit_mb, limit_days=limit_days)


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    saver = saver_in(tmp_path, limit_mb=0.1)
    for number in range(5):
        saver.save(f"{number}.wav", bytes(30_000))
        time.sleep(0.02)
    saver.close(5)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2.wav", "3.wav", "4.wav"]


def test_old_ones_go(tmp_path: Path) -> None:
    (tmp_path / "old.wav").write_bytes(b"x")
    os.utime(tmp_path / "old.wav", (time.time() - 2 * 86_400,) * 2)
    (tmp_path / "notes.txt").write_text("not a clip")
    saver = saver_in(tmp_path)
    saver.save("new.wav", b"x")
    saver.close(5)
    assert {file.name for file in tmp_path.iterdir()} == {"new.wav", "notes.txt"}


def test_a_full_disk_is_said_once_and_got_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Scenario.

    1. The disk is full (for real: the kernel refuses to write files of more than 1 000 bytes).
    2. Three clips cannot be saved. Then there is room again.

    Result: one warning, one line that it works again, no half file, and the next clip is there.
    """
    caplog.set_level("INFO")
    saver = saver_in(tmp_path)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        for number in range(3):
            saver.save(f"{number}.wav", bytes(5000))
        _wait(lambda: saver.failed == 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert list(tmp_path.iterdir()) == []
    saver.save("after.wav", bytes(5000))
    saver.close(5)
    assert [file.name for file in tmp_path.iterdir()] == ["after.wav"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "3 clips lost" in caplog.text


def test_a_directory_that_cannot_be_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"save_detections: .*file.*give another directory"):
        saver_in(tmp_path / "file")


def _wait(condition: object) -> None:
    assert callable(condition)
    deadline_s = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
