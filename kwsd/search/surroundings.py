"""What stands right before and behind a phrase, as shares: speech before it, and a word that goes on behind it."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.units import START, Context

BEFORE_FRAMES = 8  # 320 ms, up to two frames before the first token, whose beginning is often taken for another
ONSET_FRAMES = 2
BEHIND_FRAMES = 4  # tokens of fluent speech are three frames apart


def spoken_before(history: FrameHistory, acoustics: Acoustics, first: int) -> float:
    """The share of the time before frame `first` in which anything is said, 0 to 1; 0 where nothing is known."""
    end = first - ONSET_FRAMES
    probabilities = _probabilities(history, acoustics, range(end - BEFORE_FRAMES, end), START)
    if not len(probabilities):
        return 0.0
    return float(1.0 - probabilities[:, list(acoustics.silent_tokens)].sum(axis=1).mean())


def goes_on(
    history: FrameHistory, acoustics: Acoustics, last: int, context: Context, word_starts: Collection[int]
) -> float:
    """How likely the token behind frame `last` is one inside a word, in what is known of the next four frames.

    Frame by frame something begins with its posterior, unless it has begun before.
    """
    probabilities = _probabilities(history, acoustics, range(last + 1, last + 1 + BEHIND_FRAMES), context)
    inside = np.ones(acoustics.vocabulary_size, bool)
    inside[[*word_starts, *acoustics.silent_tokens]] = False
    silent = list(acoustics.silent_tokens)
    found, waiting = 0.0, 1.0
    for row in probabilities:
        found += waiting * float(row[inside].sum())
        waiting *= float(row[silent].sum())
    return min(1.0, found)


def _probabilities(history: FrameHistory, acoustics: Acoustics, frames: range, context: Context) -> NDArray[np.float32]:
    """(those frames that are known, vocabulary)."""
    known = np.arange(max(frames.start, history.start), min(frames.stop, history.end))
    if not len(known):
        return np.empty((0, acoustics.vocabulary_size), np.float32)
    return np.exp(acoustics.log_probs(history.take(known), [context] * len(known)))
