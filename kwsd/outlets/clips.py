"""Sound around detections, cut out of the recent audio: for a subscriber who asks, or for a file each."""

import asyncio
import base64
import errno
import logging
import os
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from kwsd.errors import ConfigError
from kwsd.events import Detection, NearMiss
from kwsd.outlets.clip_name import clip_name
from kwsd.outlets.recent_audio import RecentAudio, wav_bytes
from kwsd.protocol.messages import CommandError
from kwsd.records import Record
from kwsd.timebase import samples, seconds

if TYPE_CHECKING:
    from kwsd.protocol.commands import Clip

logger = logging.getLogger(__name__)

MARGIN_S = 0.5  # on either side of a detection: its start is an estimate
WAIT_S = 12.0  # for sound that is yet to come: the length of the recent audio and a little
POLL_S = 0.05  # polled: the decoding thread has better to do than to tell us
REMEMBERED = 32  # detections a clip can be asked for by id; the recent audio holds no more than that
MOST_WAITING = 16  # files not yet written; more than that and the disk is the trouble


class Clips:
    """Remembers detections, so that their sound can be asked for by id. On the event loop."""

    wants = frozenset({Detection.type})

    def __init__(self, recent: RecentAudio) -> None:
        self._recent = recent
        self._detections: OrderedDict[int, Detection] = OrderedDict()

    def take(self, event: Record) -> None:
        """Remember it; the oldest is forgotten."""
        if isinstance(event, Detection):
            self._detections[event.id] = event
            if len(self._detections) > REMEMBERED:
                self._detections.popitem(last=False)

    async def close(self, deadline_s: float) -> None:
        """Nothing is under way."""

    async def cut(self, command: "Clip") -> dict[str, Any]:
        """The data of a reply: start, end, and the WAV file in base64. Raises CommandError."""
        start_s, end_s = self._span(command)
        if end_s - start_s > seconds(self._recent.length):
            raise CommandError(f"start: a clip has {seconds(self._recent.length):.0f} s at most")
        for _ in range(round(WAIT_S / POLL_S)):
            if self._recent.end >= samples(end_s):
                break
            await asyncio.sleep(POLL_S)
        start, pcm = self._recent.cut(samples(start_s), samples(end_s))
        if not len(pcm):
            oldest, newest = seconds(self._recent.start), seconds(self._recent.end)
            raise CommandError(f"that sound is gone or did not come; there is {oldest:.3f} to {newest:.3f} s")
        wav = base64.b64encode(wav_bytes(pcm)).decode()
        return {"start": seconds(start), "end": seconds(start + len(pcm)), "wav": wav}

    def _span(self, command: "Clip") -> tuple[float, float]:
        detection = self._detections.get(command.id) if command.id is not None else None
        if command.id is not None and detection is None:
            raise CommandError(f"id: there is no detection {command.id}, or it is too long ago")
        start_s, end_s = command.start, command.end
        if detection is not None:
            start_s = max(0.0, detection.start - MARGIN_S) if start_s is None else start_s
            end_s = detection.end + MARGIN_S if end_s is None else end_s
        if start_s is None or end_s is None or end_s <= start_s:
            raise CommandError("give the id of a detection, or start and end in seconds, start before end")
        return start_s, end_s


class ClipFiles:
    """`--save-detections`: a WAV file per detection in a directory of limited size and age, on a thread of its own.

    With `near_misses` one for each of these as well.

    The limits hold for the `*.wav` files in the directory, whoever wrote them: give it one of its own. Recordings of a
    room are private: files of mode 0600, and directories of 0700 where they are made here; with a group 0640 and 0750.
    """

    def __init__(
        self,
        directory: Path,
        recent: RecentAudio,
        *,
        limit_mb: float,
        limit_days: float,
        group: int | None = None,
        near_misses: bool = False,
    ) -> None:
        """Raises ConfigError when the directory cannot be made."""
        self.wants = frozenset({Detection.type, NearMiss.type} if near_misses else {Detection.type})
        self.lost = 0
        """Clips that could not be written."""
        self.written_bytes = 0
        self.directory = directory
        """Where they are."""
        self._recent = recent
        self._limit_bytes = limit_mb * 1e6
        self._limit_s = limit_days * 86_400
        self._group = group
        self._ailing = False
        self._closing = Event()
        self._waiting: Queue[Detection | NearMiss | None] = Queue(MOST_WAITING)
        try:
            self._make_directory()
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            why = getattr(error, "strerror", None) or error
            raise ConfigError(f"save_detections: {directory}: {why}; give another directory") from None
        self._thread = Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()

    def take(self, event: Record) -> None:
        """Write its sound as soon as it has come."""
        if isinstance(event, Detection | NearMiss):
            try:
                self._waiting.put_nowait(event)
            except Full:
                self._lose("the disk is too slow")

    async def close(self, deadline_s: float) -> None:
        """Write what waits, with what there is of its sound."""
        self._closing.set()
        if not self._waiting.full():  # a full one ends when it is empty
            self._waiting.put_nowait(None)
        await asyncio.to_thread(self._thread.join, deadline_s)

    def _run(self) -> None:
        while not (self._closing.is_set() and self._waiting.empty()):
            detection = self._waiting.get()
            if detection is None:
                continue
            start, end = samples(max(0.0, detection.start - MARGIN_S)), samples(detection.end + MARGIN_S)
            waits_until_s = time.monotonic() + WAIT_S
            while self._recent.end < end and time.monotonic() < waits_until_s and not self._closing.wait(POLL_S):
                pass
            try:
                self._write(clip_name(detection.fields()), wav_bytes(self._recent.cut(start, end)[1]))
            except OSError as error:
                self._lose(str(error.strerror))
            except Exception as error:  # noqa: BLE001  this thread is the only one that writes: it goes on
                self._lose(repr(error))

    def _write(self, name: str, wav: bytes) -> None:
        """Make room, write under another name, rename: a reader never sees half a file."""
        self._make_directory()
        make_room(self.directory, len(wav), limit_bytes=self._limit_bytes, limit_s=self._limit_s)
        part = self.directory / f".{name}.part"
        part.unlink(missing_ok=True)
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as writing:
                if self._group is not None:
                    os.fchown(file, -1, self._group)
                    os.fchmod(file, 0o640)
                writing.write(wav)
            part.rename(self.directory / name)
            self.written_bytes += len(wav)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        if self._ailing:
            logger.info("save_detections: %s: works again, %d clips lost", self.directory, self.lost)
        self._ailing = False

    def _make_directory(self) -> None:
        """With those above it. One that is there is its owner's: its mode is left."""
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir(mode=0o700, exist_ok=True)
            if self._group is not None:
                os.chown(path, -1, self._group)
                path.chmod(0o750)
        if not self.directory.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))

    def _lose(self, why: str) -> None:
        self.lost += 1
        if not self._ailing:
            logger.warning("save_detections: %s: %s; clips are lost until it works again", self.directory, why)
        self._ailing = True


def make_room(directory: Path, size: int, *, limit_bytes: float, limit_s: float) -> None:
    """The oldest files go; what else is in the directory, or goes by itself, is no matter."""
    clips: list[tuple[float, int, str]] = []
    with os.scandir(directory) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name.endswith(".wav") and entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    clips.append((found.st_mtime, found.st_size, entry.path))
    total = size + sum(clip_size for _, clip_size, _ in clips)
    for written, clip_size, path in sorted(clips):
        if total <= limit_bytes and time.time() - written <= limit_s:
            return
        Path(path).unlink(missing_ok=True)
        total -= clip_size
