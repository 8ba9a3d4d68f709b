"""What the search asks of the acoustic side, and the frames it may still ask about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Context = tuple[int, int]
"""The last two tokens of a hypothesis."""

START: Context = (-1, 0)
"""Nothing said yet, as the models were trained: -1 is a zero vector, 0 the blank."""


class Acoustics(Protocol):
    """A transducer's decoder and joiner."""

    vocabulary_size: int
    silent_tokens: tuple[int, ...]
    """The blank, and `<unk>` where there is one: tokens that spell nothing."""

    def log_probs(self, frames: NDArray[np.float32], contexts: Sequence[Context]) -> NDArray[np.float32]:
        """Row i of (n, vocabulary) is log P(token | frames[i], contexts[i]); frames are (n, C)."""
        ...


class FrameHistory:
    """The last encoder frames, addressed by their number in the stream."""

    def __init__(self, capacity: int) -> None:
        """Keep at least `capacity` frames."""
        self._capacity = capacity
        self._frames: NDArray[np.float32] | None = None
        self.end = 0
        """Number of the frame after the last one known."""

    @property
    def start(self) -> int:
        """Number of the oldest frame still known."""
        return self.end - (0 if self._frames is None else len(self._frames))

    def append(self, frames: NDArray[np.float32]) -> None:
        """Add (n, C) frames."""
        known = [] if self._frames is None else [self._frames[-self._capacity :]]
        self._frames = np.concatenate([*known, frames])
        self.end += len(frames)

    def skip(self, frames: int) -> None:
        """Time passes without frames: what came before is out of reach."""
        self._frames = None
        self.end += frames

    def tail(self, count: int) -> NDArray[np.float32] | None:
        """The last frames (n, C), at most `count`; None when there are none."""
        return None if self._frames is None else self._frames[-count:]

    def take(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Frames (n, C) by number; all must be known."""
        assert self._frames is not None  # noqa: S101  # held by the callers, who clip to start..end
        return self._frames[numbers - self.start]
