"""The last seconds of sound, in memory, addressed by their sample in the stream."""

import threading

import numpy as np
from numpy.typing import NDArray

from kwsd.stream import Chunk
from kwsd.timebase import samples


class RecentAudio:
    """A stretch of the newest sound as 16-bit samples. Written and made longer by one thread, read by any."""

    def __init__(self, duration_s: float) -> None:
        self._pcm: NDArray[np.int16] = np.zeros(samples(duration_s), np.int16)
        self._lock = threading.Lock()
        self.length = len(self._pcm)
        """Samples it can hold."""
        self.end = 0
        """Sample of the stream that comes next."""
        self._oldest = 0

    @property
    def start(self) -> int:
        """Oldest sample of the stream that is still there."""
        return max(self._oldest, self.end - self.length)

    def lengthen(self, length: int) -> None:
        """Hold so many samples from now on, if it is more than before; those that are there stay."""
        if length > self.length:
            start, pcm = self.cut(self.start, self.end)
            longer = np.zeros(length, np.int16)
            longer[np.arange(start, self.end) % length] = pcm
            with self._lock:
                self._pcm, self.length, self._oldest = longer, length, start

    def write(self, chunk: Chunk) -> None:
        """The next sound; a gap before it is silence, what is louder than full scale is clipped."""
        with np.errstate(invalid="ignore"):
            pcm = np.nan_to_num(np.clip(chunk.samples, -1.0, 1.0) * 32767).astype(np.int16)
        newest = pcm[-self.length :]
        with self._lock:
            gap = min(chunk.start_sample - self.end, self.length)
            self._pcm[np.arange(chunk.start_sample - gap, chunk.start_sample) % self.length] = 0
            self._pcm[np.arange(chunk.end_sample - len(newest), chunk.end_sample) % self.length] = newest
            self.end = chunk.end_sample

    def cut(self, start: int, end: int) -> tuple[int, NDArray[np.int16]]:
        """Samples `start` to `end` of the stream, less what is no longer or not yet there, and where that begins."""
        with self._lock:
            first, last = max(start, self.start), min(end, self.end)
            return first, self._pcm[np.arange(first, max(first, last)) % self.length]
