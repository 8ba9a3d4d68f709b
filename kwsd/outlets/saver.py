"""`--save-detections`: the sound of every detection as a WAV file in a directory of limited size and age."""

import logging
import time
from pathlib import Path
from queue import Full, Queue
from threading import Thread

from kwsd.errors import ConfigError

logger = logging.getLogger(__name__)

_MOST_WAITING = 16  # clips not yet written; more than that and the disk is the trouble


class Saver:
    """Writes clips on a thread of its own, so that a slow or full disk delays nothing.

    The limits hold for the `*.wav` files in the directory, whoever wrote them: give it one of its own.
    """

    def __init__(self, directory: Path, *, limit_mb: float, limit_days: float) -> None:
        """Raises ConfigError when the directory cannot be made."""
        self.failed = 0
        """Clips that could not be written."""
        self._directory = directory
        self._limit_bytes = limit_mb * 1e6
        self._limit_s = limit_days * 86_400
        self._ailing = False
        self._clips: Queue[tuple[str, bytes] | None] = Queue(_MOST_WAITING)
        self._thread = Thread(target=self._run, name="save-clips", daemon=True)
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"save_detections: {directory}: {error.strerror}; give another directory") from None

    def save(self, name: str, wav: bytes) -> None:
        """Write a file of that name, some time soon."""
        if not self._thread.is_alive():
            self._thread.start()
        try:
            self._clips.put_nowait((name, wav))
        except Full:
            self._fail("the disk is too slow")

    def close(self, timeout_s: float) -> None:
        """Write what waits, for so long at most."""
        if self._thread.is_alive() and not self._clips.full():
            self._clips.put_nowait(None)
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while (clip := self._clips.get()) is not None:
            self._write(*clip)

    def _write(self, name: str, wav: bytes) -> None:
        """Make room, write under another name, rename: a reader never sees half a file."""
        part = self._directory / f".{name}.part"
        try:
            self._make_room(len(wav))
            part.write_bytes(wav)
            part.rename(self._directory / name)
        except OSError as error:
            part.unlink(missing_ok=True)
            self._fail(str(error.strerror))
        else:
            self._recover()

    def _make_room(self, size: int) -> None:
        clips = sorted((file.stat().st_mtime, file.stat().st_size, file) for file in self._directory.glob("*.wav"))
        total = size + sum(clip_size for _, clip_size, _ in clips)
        for written, clip_size, file in clips:
            if total <= self._limit_bytes and time.time() - written <= self._limit_s:
                return
            file.unlink(missing_ok=True)
            total -= clip_size

    def _fail(self, why: str) -> None:
        self.failed += 1
        if not self._ailing:
            logger.warning("save_detections: %s: %s; clips are lost until it works again", self._directory, why)
        self._ailing = True

    def _recover(self) -> None:
        if self._ailing:
            logger.info("save_detections: %s: works again, %d clips lost", self._directory, self.failed)
        self._ailing = False
