"""The newest sound in memory, and clips on disk within limits."""

import asyncio
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

from kwsd.audio.wav import wav_bytes
from kwsd.errors import ConfigError
from kwsd.outlets.clip_ages import ClipAges
from kwsd.outlets.clips import ClipFiles
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.outlets.wav_files import FileLimits, make_room
from kwsd.stream import Chunk
from testkit.daemons import eventually
from testkit.serving import detection

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
    recent = RecentAudio(0.1)
    whole = np.zeros(0, np.int16)
    for count, lost in pieces:
        if lost:
            whole = np.append(whole, np.zeros(count, np.int16))
        else:
            recent.write(Chunk(len(whole), counting(len(whole), count), "test"))
            whole = np.append(whole, np.round(counting(len(whole), count) * 32767).astype(np.int16))
    whole = whole[: recent.end]
    first, pcm = recent.cut(start, start + length)
    oldest = max(start, len(whole) - recent.length)
    wanted = whole[oldest : max(oldest, min(start + length, len(whole)))]
    assert len(pcm) == len(wanted)
    if len(pcm):
        assert first == oldest
        assert np.abs(pcm.astype(int) - wanted).max() <= 1


def test_what_is_too_loud_or_not_finite_is_kept_in_bounds() -> None:
    recent = RecentAudio(1.0)
    recent.write(Chunk(0, np.array([2.0, -2.0, np.nan, np.inf], np.float32), "test"))
    assert recent.cut(0, 4)[1].tolist() == [32767, -32767, 0, 32767]


def test_wav_bytes_are_a_wav_file() -> None:
    with wave.open(io.BytesIO(wav_bytes(np.arange(100, dtype=np.int16)))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (SECOND, 1, 100)


class Saving:
    """Clip files of a second of sound that is there already; `close` waits until they are written."""

    def __init__(self, directory: Path, limit_mb: float = 1.0, limit_days: float = 1.0) -> None:
        recent = RecentAudio(2.0)
        recent.write(Chunk(0, counting(0, 2 * SECOND), "test"))
        ages = ClipAges(steady_s=0.0)
        self.files = ClipFiles(directory, recent, FileLimits(megabytes=limit_mb, days=limit_days, ages=ages))

    def save(self, *words: str) -> None:
        """A detection of each."""
        for number, word in enumerate(words):
            self.files.take(detection(number, word))

    def close(self) -> None:
        """As the daemon ends."""
        asyncio.run(self.files.close(5))


def names(directory: Path) -> set[str]:
    """Of the files, less the time."""
    return {file.name.split("-", 1)[-1] for file in directory.iterdir()}


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    saving = Saving(tmp_path, limit_mb=0.2)  # a clip has 48 kB
    for number in range(6):
        saving.files.take(detection(number, "a"))
        time.sleep(0.02)
    saving.close()
    assert names(tmp_path) == {"2-a.wav", "3-a.wav", "4-a.wav", "5-a.wav"}


def test_old_ones_go(tmp_path: Path) -> None:
    for old in ("20250101T000000.123Z-7-old.wav", "20250101T000000Z-m7-old.wav", "20250101T000000.5Z-order-old.wav"):
        (tmp_path / old).write_bytes(b"x")
        os.utime(tmp_path / old, (time.time() - 2 * 86_400,) * 2)
    (tmp_path / "notes.txt").write_text("not a clip")
    (tmp_path / "directory.wav").mkdir()
    os.utime(tmp_path / "directory.wav", (0, 0))
    (tmp_path / "link.wav").symlink_to("nowhere")
    saving = Saving(tmp_path)
    saving.save("new")
    saving.close()
    assert names(tmp_path) == {"0-new.wav", "notes.txt", "directory.wav", "link.wav"}


def test_what_a_clock_behind_saves_is_not_the_oldest(tmp_path: Path) -> None:
    """Earlier files lie in its future: of too many they go first, all the same."""
    for number in range(2):
        path = tmp_path / f"20990101T000000.{number}Z-7-earlier.wav"
        path.write_bytes(bytes(48_000))
        os.utime(path, (time.time() + 86_400,) * 2)
    saving = Saving(tmp_path, limit_mb=0.1)
    saving.save("a", "b")
    saving.close()
    assert names(tmp_path) == {"0-a.wav", "1-b.wav"}


def test_the_clock_is_believed_once_it_has_stood_for_a_while(tmp_path: Path) -> None:
    old = tmp_path / "20250101T000000.123Z-7-old.wav"
    old.write_bytes(b"x")
    os.utime(old, (0, 0))
    make_room(tmp_path, 0, FileLimits(megabytes=1, days=1))
    assert old.exists()
    make_room(tmp_path, 0, FileLimits(megabytes=1, days=1, ages=ClipAges(steady_s=0.0)))
    assert not old.exists()


def test_music_of_somebody_who_saves_beside_it_is_left_alone_and_does_not_count(tmp_path: Path) -> None:
    mine = {"holiday.wav", "2024-01-song.wav", "20250101-1-recorder.wav", "20250101T000000.1Z.wav"}
    for name in mine:
        (tmp_path / name).write_bytes(bytes(2_000_000))
        os.utime(tmp_path / name, (0, 0))
    saving = Saving(tmp_path, limit_mb=0.1)
    saving.save("a", "b", "c")
    saving.close()
    assert {path.name for path in tmp_path.iterdir()} > mine
    assert {name.split("-")[-1] for name in names(tmp_path)} >= {"b.wav", "c.wav"}
    assert not list(tmp_path.glob("*-a.wav"))


def test_a_full_disk_is_said_once_and_got_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Scenario.

    1. The disk is full (for real: the kernel refuses to write files of more than 1 000 bytes).
    2. Three clips cannot be saved. Then there is room again.

    Result: one warning, one line that it works again, no half file, and the next clip is there.
    """
    caplog.set_level("INFO")
    saving = Saving(tmp_path)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        saving.save("a", "b", "c")
        assert eventually(lambda: saving.files.lost == 3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert list(tmp_path.iterdir()) == []
    saving.save("after")
    saving.close()
    assert names(tmp_path) == {"0-after.wav"}
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "3 clips lost" in caplog.text


@pytest.mark.parametrize("fault", ["gone", "a file", "a link to itself", "a link to nowhere"])
def test_saving_goes_on_when_the_directory_is_back(tmp_path: Path, fault: str) -> None:
    """Whatever came in its place: the thread that writes lives on, and makes the directory anew where it can."""
    directory = tmp_path / "clips"
    saving = Saving(directory)
    directory.rmdir()
    if fault == "a file":
        directory.touch()
    elif fault.startswith("a link"):
        directory.symlink_to(directory.name if fault.endswith("itself") else "nowhere")
    saving.save("lost")
    if fault != "gone":
        assert eventually(lambda: saving.files.lost == 1 or (tmp_path / "nowhere").is_dir())
        directory.unlink()
    saving.save("later")
    saving.close()
    assert "0-later.wav" in names(directory)


def test_recordings_are_private_whatever_the_umask_leaves(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        saving = Saving(tmp_path / "above" / "clips")
        saving.save("a")
        saving.close()
    finally:
        os.umask(umask)
    (file,) = (tmp_path / "above" / "clips").iterdir()
    modes = [path.stat().st_mode & 0o777 for path in (file, file.parent, file.parent.parent)]
    assert modes == [0o600, 0o700, 0o700]


def test_a_group_may_read_them_if_it_is_named(tmp_path: Path) -> None:
    group = os.getgroups()[0] if os.getgroups() else os.getegid()
    recent = RecentAudio(2.0)
    recent.write(Chunk(0, counting(0, 2 * SECOND), "test"))
    files = ClipFiles(tmp_path / "clips", recent, FileLimits(megabytes=1, days=1, group=group))
    files.take(detection(1))
    asyncio.run(files.close(5))
    (file,) = (tmp_path / "clips").iterdir()
    found = [(path.stat().st_gid, path.stat().st_mode & 0o777) for path in (file, file.parent)]
    assert found == [(group, 0o640), (group, 0o750)]


def test_any_name_fits_into_a_file_name(tmp_path: Path) -> None:
    saving = Saving(tmp_path)
    saving.save("\U00010400" * 100, "../../etc/passwd", "\udc80", "a\0b")
    saving.close()
    assert len(list(tmp_path.iterdir())) == 4
    assert saving.files.lost == 0


def test_what_is_there_of_the_last_sound_is_saved_at_the_end(tmp_path: Path) -> None:
    """Scenario.

    1. A detection is told; half a second behind it, which the clip is to have, has not come yet.
    2. The daemon ends.

    Result: the clip is there, as long as its sound is.
    """
    recent = RecentAudio(2.0)
    recent.write(Chunk(0, counting(0, round(1.6 * SECOND)), "test"))
    files = ClipFiles(tmp_path, recent, FileLimits(megabytes=1, days=1))
    files.take(detection(1))
    asyncio.run(files.close(1.0))
    (file,) = tmp_path.iterdir()
    with wave.open(str(file)) as wav:
        assert wav.getnframes() == round((1.6 - 0.5) * SECOND)


def test_a_directory_that_cannot_be_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"save_detections: .*file.*give another directory"):
        Saving(tmp_path / "file")
    with pytest.raises(ConfigError, match=r"save_detections: .*null byte"):
        Saving(tmp_path / "a\0b")
