"""What every source of sound looks like to the rest of kwsd."""

from collections.abc import Iterator
from typing import Protocol

from kwsd.stream import Chunk
from kwsd.stream import Float32 as Samples

__all__ = ["ChunkCounter", "Samples", "Source"]


class ChunkCounter:
    """Makes a source's chunks, counted from its opening."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._next_sample = 0

    def chunk(self, samples: Samples, lost_samples: int = 0) -> Chunk:
        """The next sound (n,); so many samples of 16 kHz are known to be missing just before it."""
        chunk = Chunk(self._next_sample + lost_samples, samples, self._source)
        self._next_sample = chunk.end_sample
        return chunk


class Source(Protocol):
    """An iterator of chunks with a name and an end. Iterating raises AudioError when the sound cannot be read."""

    @property
    def name(self) -> str:
        """What a person calls it: the resolved device name, or the file's path."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Seconds in all, when known beforehand."""
        ...

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks in order, counted from the opening of the source, until the sound ends."""
        ...

    def close(self) -> None:
        """Release the device or file; iteration ends. Safe to call twice and from another thread."""
        ...
