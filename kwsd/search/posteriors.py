"""What the search asks of the acoustic side, and the frames it may still ask about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kwsd.units import Context


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
        self._frames = np.empty((0, 0), np.float32)  # the known ones lie at its beginning; room for more behind them
        self._known = 0
        self.end = 0
        """Number of the frame after the last one known."""

    @property
    def start(self) -> int:
        """Number of the oldest frame still known."""
        return self.end - self._known

    def append(self, frames: NDArray[np.float32]) -> None:
        """Add (n, C) frames."""
        if self._known + len(frames) > len(self._frames):
            self._make_room(frames)
        self._frames[self._known : self._known + len(frames)] = frames
        self._known += len(frames)
        self.end += len(frames)

    def _make_room(self, frames: NDArray[np.float32]) -> None:
        """Keep the last `capacity` frames and as much room again: most chunks then move nothing."""
        kept = self.tail(self._capacity).reshape(-1, frames.shape[1])
        self._frames = np.empty((2 * self._capacity + len(frames), frames.shape[1]), np.float32)
        self._frames[: len(kept)] = kept
        self._known = len(kept)

    def skip(self, frames: int) -> None:
        """Time passes without frames: what came before is out of reach."""
        self._known = 0
        self.end += frames

    def tail(self, count: int) -> NDArray[np.float32]:
        """The last frames (n, C), at most `count`."""
        return self._frames[max(0, self._known - count) : self._known]

    def take(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Frames (n, C) by number, all of them in `start`..`end`."""
        return self._frames[numbers - self.start]
