"""What stands around a phrase: speech before it, a word that goes on behind it, another text in its place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kwsd.search.alignment import Alignment
from kwsd.search.beam import Match
from kwsd.search.confidence import Confidence, Signs, weakest_of
from kwsd.search.free_text import BESIDE_FRAMES, text_margin
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.search.rivals import Aligned
from kwsd.units import START, Context

BEFORE_FRAMES = 8  # 320 ms, up to two frames before the first token, whose beginning is often taken for another
ONSET_FRAMES = 2
KEPT = 32  # answers, 500 kB: those of the last frames are asked about again
BEHIND_FRAMES = 4  # tokens of fluent speech are three frames apart
WORTH_A_RIVAL = 0.1  # a score: another text can only lower it


class Surroundings:
    """Of the phrases in one stream. Rivals begin or end together, and are asked about again: what is known is kept."""

    def __init__(self, history: FrameHistory, acoustics: Acoustics, word_starts: Collection[int]) -> None:
        """`word_starts` are the tokens that may begin a new word."""
        self._history, self._acoustics = history, acoustics
        self._silent = list(acoustics.silent_tokens)
        self._inside = np.ones(acoustics.vocabulary_size, bool)
        self._inside[[*word_starts, *self._silent]] = False
        self._found: dict[tuple[range, Context], NDArray[np.float32]] = {}
        self._margins: dict[tuple[Aligned, int], float] = {}

    def signs(self, match: Match, alignment: Alignment, context: Context) -> Signs:
        """All that is weighed of a phrase but another text in its place; `context` is what ends it."""
        frames = alignment.frames
        return Signs(
            posterior=alignment.score,
            margin_nats=match.margin,
            tokens=len(frames),
            goes_on=self.goes_on(frames[-1], context),
            spoken_before=self.spoken_before(frames[0]),
            weakest=weakest_of(alignment.posteriors),
            longest_gap=max((after - before for before, after in pairwise(frames)), default=0),
        )

    def beside_text(self, signs: Signs, phrase: Aligned, confidence: Confidence) -> Signs:
        """The same with another text, where `confidence` weighs that and the phrase has a chance."""
        if not confidence.text_margin or confidence.score(signs) < WORTH_A_RIVAL:
            return signs
        return replace(signs, text_margin_nats=self.text_margin(phrase))

    def text_margin(self, phrase: Aligned) -> float:
        """How it stands against the likeliest text there, nats: 1.6 ms, so it is asked last."""
        known = min(self._history.end, phrase[1][-1] + BESIDE_FRAMES + 1)
        if (phrase, known) not in self._margins:
            if len(self._margins) >= KEPT:
                self._margins.clear()
            self._margins[phrase, known] = text_margin(phrase, self._history, self._acoustics)
        return self._margins[phrase, known]

    def spoken_before(self, first: int) -> float:
        """The share of the time before frame `first` in which anything is said, 0 to 1; 0 where nothing is known."""
        end = first - ONSET_FRAMES
        probabilities = self._probabilities(range(end - BEFORE_FRAMES, end), START)
        return float(1.0 - probabilities[:, self._silent].sum(axis=1).mean()) if len(probabilities) else 0.0

    def goes_on(self, last: int, context: Context) -> float:
        """How likely the token behind frame `last` is one inside a word, in what is known of the next four frames.

        Frame by frame something begins with its posterior, unless it has begun before.
        """
        found, waiting = 0.0, 1.0
        for row in self._probabilities(range(last + 1, last + 1 + BEHIND_FRAMES), context):
            found += waiting * float(row[self._inside].sum())
            waiting *= float(row[self._silent].sum())
        return min(1.0, found)

    def _probabilities(self, frames: range, context: Context) -> NDArray[np.float32]:
        """(those frames that are known, vocabulary)."""
        known = range(max(frames.start, self._history.start), min(frames.stop, self._history.end))
        if not known:
            return np.empty((0, self._acoustics.vocabulary_size), np.float32)
        if (known, context) not in self._found:
            if len(self._found) >= KEPT:
                self._found.clear()
            log_probs = self._acoustics.log_probs(self._history.take(np.array(known)), [context] * len(known))
            self._found[known, context] = np.exp(log_probs)
        return self._found[known, context]
