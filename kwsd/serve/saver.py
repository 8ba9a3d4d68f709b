"""`--save-detections`: the sound of every detection as a WAV file in a directory of limited size and age."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kwsd.errors import ConfigError
from kwsd.serve.ring import Ring
from kwsd.serve.wav import wav_bytes
from kwsd.timebase import samples

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
        self._thread = ThreadPoolExecutor(1, "save-clips")
        self._waiting = 0
        self._ailing = False
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"save_detections: {directory}: {error.strerror}; give another directory") from None

    def save(self, ring: Ring, name: str, start_s: float, end_s: float) -> None:
        """Write the stretch of sound as `name`.wav, some time soon."""
        if self._waiting >= _MOST_WAITING:
            self._fail("the disk is too slow")
            return
        wav = wav_bytes(ring.cut(samples(start_s), samples(end_s)))
        self._waiting += 1
        self._thread.submit(self._write, f"{name}.wav", wav)

    def close(self, wait: bool = True) -> None:
        """Take no more; wait for those under way if wanted."""
        self._thread.shutdown(wait=wait, cancel_futures=True)

    def _write(self, name: str, wav: bytes) -> None:
        """On the thread: make room, write under another name, rename: a reader never sees half a file."""
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
        finally:
            self._waiting -= 1

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
