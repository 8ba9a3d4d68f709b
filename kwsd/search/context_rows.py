"""Log-probabilities of the frames at hand after each context that is asked about, made once each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from kwsd.search.posteriors import Acoustics
from kwsd.units import Context


class ContextRows:
    """One piece of frames. Hypotheses of one context share its rows, which are made for all frames to come at once."""

    def __init__(self, acoustics: Acoustics, frames: NDArray[np.float32]) -> None:
        """`frames` are (n, C)."""
        self._acoustics = acoustics
        self._frames = frames
        self._rows: dict[Context, NDArray[np.float32]] = {}

    def prepare(self, contexts: Iterable[Context], offset: int) -> None:
        """Make the rows of these contexts from frame `offset` on, in one call of the joiner for all that are new."""
        new = [context for context in dict.fromkeys(contexts) if context not in self._rows]
        if not new:
            return
        left = self._frames[offset:]
        repeated = np.concatenate([left] * len(new)) if len(new) > 1 else left
        found = self._acoustics.log_probs(repeated, [context for context in new for _ in range(len(left))])
        for number, context in enumerate(new):
            rows = np.full((len(self._frames), found.shape[1]), -np.inf, np.float32)
            rows[offset:] = found[number * len(left) : (number + 1) * len(left)]
            self._rows[context] = rows

    def at(self, context: Context, offset: int) -> NDArray[np.float32]:
        """Log-probabilities (vocabulary,) of a frame, after a context that was prepared."""
        row: NDArray[np.float32] = self._rows[context][offset]
        return row
