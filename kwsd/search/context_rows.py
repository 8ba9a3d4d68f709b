"""Log-probabilities of the frames at hand after each context that is asked about: searches of one stream share them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.search.posteriors import Acoustics
from kwsd.units import Context


class ContextRows:
    """One piece of frames. What is asked for twice is computed once."""

    def __init__(self, acoustics: Acoustics, frames: NDArray[np.float32], likely: Sequence[Context]) -> None:
        """`frames` are (n, C); contexts that are `likely` to be asked about all along are computed for all at once."""
        self._acoustics = acoustics
        self._frames = frames
        once = [*dict.fromkeys(likely)]
        self._whole = dict(zip(once, acoustics.log_probs_each(frames, once), strict=True))
        self._offset = -1
        self._here: dict[Context, NDArray[np.float32]] = {}

    def at(self, contexts: Sequence[Context], offset: int) -> list[NDArray[np.float32]]:
        """Log-probabilities (vocabulary,) of a frame after each of the contexts; offsets never go back."""
        if offset != self._offset:
            self._offset, self._here = offset, {context: rows[offset] for context, rows in self._whole.items()}
        new = [context for context in dict.fromkeys(contexts) if context not in self._here]
        if new:
            frame = self._frames[offset : offset + 1]
            self._here.update(zip(new, self._acoustics.log_probs(frame.repeat(len(new), axis=0), new), strict=True))
        return [self._here[context] for context in contexts]
