"""What every source of sound looks like to the rest of kwsd."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
"""Mono, 16 kHz, nominally -1 to 1, shape (n,)."""


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive sound, of any length."""

    samples: Samples
    lost_samples: int = 0
    """16 kHz samples known to be missing just before this block (an overrun); 0 when the sound is continuous."""


class Source(Protocol):
    """An iterator of blocks with a name and an end. Iterating raises AudioError when the sound cannot be read."""

    @property
    def name(self) -> str:
        """What a person calls it: the resolved device name, or the file's path."""
        ...

    @property
    def duration_s(self) -> float | None:
        """Seconds in all, when known beforehand."""
        ...

    def __iter__(self) -> Iterator[Block]:
        """Blocks in order, until the sound ends."""
        ...

    def close(self) -> None:
        """Release the device or file; iteration ends. Safe to call twice and from another thread."""
        ...
