"""What the search asks of the acoustic side."""

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

    def log_probs(
        self, frames: NDArray[np.float32], contexts: Sequence[Context], groups: Sequence[int] = ()
    ) -> NDArray[np.float32]:
        """Row i of (n, vocabulary) is log P(token | frames[i], contexts[i]); frames are (n, C).

        `groups` tells how many rows belong to each of several questions: the answer to one is, to the last bit, what it
        would be alone. Without, all are one.
        """
        ...

    def log_probs_each(self, frames: NDArray[np.float32], contexts: Sequence[Context]) -> NDArray[np.float32]:
        """Log P(token | frame, context) of all frames (n, C) after each context: (contexts, n, vocabulary)."""
        ...
