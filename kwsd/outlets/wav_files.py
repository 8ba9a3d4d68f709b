"""WAV files in a directory of limited size and age, written on a thread of their own."""

import asyncio
import errno
import logging
import math
import os
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import Any

from kwsd.audio.wav import wav_bytes
from kwsd.errors import ConfigError, reason
from kwsd.outlets.clip_ages import ClipAges
from kwsd.outlets.clip_name import IS_CLIP
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.quick_dataclass import dataclass
from kwsd.timebase import samples
from kwsd.wall_clock import since_boot_s

logger = logging.getLogger(__name__)

WAIT_S = 12.0  # for sound that is yet to come: the length of the recent audio and a little
POLL_S = 0.05  # polled: the decoding thread has better to do than to tell us
MOST_WAITING = 16  # files not yet written; more than that and the disk is the trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """Of a directory."""

    megabytes: float
    days: float
    group: int | None = None
    """That may read the files."""
    ages: ClipAges = field(default_factory=ClipAges)
    """Of the files."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of sound that is to be a file."""

    name: str
    start_s: float
    end_s: float
    about: Any
    """What it is the sound of."""


class WavFiles(ABC):
    """The limits hold for what is called as `clip_name` calls it: other files of the directory stay and do not count.

    Recordings of a room are private: files of mode 0600, and directories of 0700 where they are made here; with a group
    0640 and 0750.
    """

    def __init__(self, setting: str, directory: Path, recent: RecentAudio, limits: FileLimits) -> None:
        """`setting` is where the directory was given. Raises ConfigError when it cannot be made."""
        self.lost = 0
        """Files that could not be written."""
        self.written_bytes = 0
        self.directory = directory
        """Where they are."""
        self._setting = setting
        self._recent = recent
        self._limits = limits
        self._ailing = False
        self._closing = Event()
        self._waiting: Queue[Stretch | None] = Queue(MOST_WAITING)
        try:
            self._make_directory()
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            why = reason(error)
            raise ConfigError(f"{setting}: {directory}: {why}; give another directory") from None
        self._thread = Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()

    @abstractmethod
    def written(self, stretch: Stretch, why_not: str | None) -> None:
        """A file is there, complete, or it is not and will not be. On any thread."""

    def put(self, stretch: Stretch) -> None:
        """Write it as soon as its sound has come. Any thread, waits for nobody."""
        try:
            self._waiting.put_nowait(stretch)
        except Full:
            self._lose(stretch, "the disk is too slow")

    async def close(self, deadline_s: float) -> None:
        """Write what waits, with what there is of its sound."""
        self._closing.set()
        if not self._waiting.full():  # a full one ends when it is empty
            self._waiting.put_nowait(None)
        await asyncio.to_thread(self._thread.join, deadline_s)

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()):
            stretch = self._waiting.get()
            if stretch is None:
                continue
            start, end = samples(stretch.start_s), samples(stretch.end_s)
            waits_until_s = time.monotonic() + WAIT_S
            while self._recent.end < end and time.monotonic() < waits_until_s and not self._closing.wait(POLL_S):
                pass
            try:
                self._write(stretch.name, wav_bytes(self._recent.cut(start, end)[1]))
            except OSError as error:
                self._lose(stretch, str(error.strerror))
            except Exception as error:  # noqa: BLE001  this thread is the only one that writes: it goes on
                self._lose(stretch, repr(error))
            else:
                self.written(stretch, None)

    def _write(self, name: str, wav: bytes) -> None:
        """Make room, write under another name, rename: a reader never sees half a file."""
        self._make_directory()
        make_room(self.directory, len(wav), self._limits)
        part = self.directory / f".{name}.part"
        part.unlink(missing_ok=True)
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as writing:
                if self._limits.group is not None:
                    os.fchown(file, -1, self._limits.group)
                    os.fchmod(file, 0o640)
                writing.write(wav)
            part.rename(self.directory / name)
            self._limits.ages.wrote(self.directory / name)
            self.written_bytes += len(wav)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        if self._ailing:
            logger.info("%s: %s: works again, %d clips lost", self._setting, self.directory, self.lost)
        self._ailing = False

    def _make_directory(self) -> None:
        """With those above it. One that is there is its owner's: its mode is left."""
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            if self._limits.group is not None:
                os.chown(path, -1, self._limits.group)
                path.chmod(0o750)
        if not self.directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def _lose(self, stretch: Stretch, why: str) -> None:
        self.lost += 1
        if not self._ailing:
            logger.warning("%s: %s: %s; clips are lost until it works again", self._setting, self.directory, why)
        self._ailing = True
        self.written(stretch, why)


def make_room(directory: Path, size: int, limits: FileLimits) -> None:
    """The oldest of our files go; what else is in the directory, or goes by itself, is no matter."""
    clips: list[tuple[float, float, int, Path]] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if IS_CLIP.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found, path = entry.stat(follow_symlinks=False), directory / entry.name
                    written_s = limits.ages.written_s(path, found.st_mtime)
                    clips.append((written_s, found.st_mtime, found.st_size, path))
    total = size + sum(clip_size for _, _, clip_size, _ in clips)
    oldest_s = since_boot_s() - limits.days * 86_400 if limits.ages.are_sure else -math.inf
    for written_s, _, clip_size, path in sorted(clips):
        if total <= limits.megabytes * 1e6 and written_s >= oldest_s:
            return
        path.unlink(missing_ok=True)
        total -= clip_size
