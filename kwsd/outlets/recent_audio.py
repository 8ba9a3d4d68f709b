"""The last seconds of sound, in memory, addressed by their sample in the stream. Off unless clips are asked for."""

import threading

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.source import Samples
from kwsd.timebase import samples


class Ring:
    """A fixed stretch of the newest sound as 16-bit samples. Written by one thread, read by any."""

    def __init__(self, duration_s: float) -> None:
        self._pcm: NDArray[np.int16] = np.zeros(samples(duration_s), np.int16)
        self._lock = threading.Lock()
        self.length = len(self._pcm)
        """Samples it can hold."""
        self.end = 0
        """Sample of the stream that comes next."""

    @property
    def start(self) -> int:
        """Oldest sample of the stream that is still there."""
        return max(0, self.end - len(self._pcm))

    def append(self, sound: Samples) -> None:
        """The next sound of the stream, float32 (n,), nominally -1 to 1; what is louder is clipped."""
        with np.errstate(invalid="ignore"):
            pcm = np.nan_to_num(np.clip(sound, -1.0, 1.0) * 32767).astype(np.int16)
        with self._lock:
            self._write(pcm)

    def skip(self, lost_samples: int) -> None:
        """Silence where sound was lost, so that what follows keeps its place."""
        with self._lock:
            self._write(np.zeros(min(lost_samples, len(self._pcm)), np.int16), lost_samples)

    def cut(self, start: int, end: int) -> tuple[int, NDArray[np.int16]]:
        """Samples `start` to `end` of the stream, less what is no longer or not yet there, and where that begins."""
        with self._lock:
            first, last = max(start, self.start), min(end, self.end)
            return first, self._pcm[np.arange(first, max(first, last)) % len(self._pcm)]

    def _write(self, pcm: NDArray[np.int16], advance: int | None = None) -> None:
        self.end += len(pcm) if advance is None else advance
        newest = pcm[-len(self._pcm) :]
        self._pcm[np.arange(self.end - len(newest), self.end) % len(self._pcm)] = newest
