"""Encoder frames → the likeliest tokens, whatever they are: the transducer as a recogniser.

Time-synchronous beam search with at most one token a frame, as icefall's `modified_beam_search`: hypotheses of one text
are merged, their probabilities added. What it remembers is bounded: once a text is `KEPT_TOKENS` longer than what is
settled, its oldest token is settled, and hypotheses that differ there are dropped.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kwsd.search.context_rows import ContextRows
from kwsd.search.posteriors import Acoustics
from kwsd.units import START, Context

TEXT_BEAM = 4
KEPT_TOKENS = 64  # about 15 s of speech
UNLIKELY_NATS = 9.0  # behind the blank or the best token of its row: such a token is not looked at


class TextEmission(NamedTuple):
    """A token, the frame it was emitted on, and how probable it was there."""

    token: int
    frame: int
    log_prob: float


class TextHypothesis(NamedTuple):
    """One text for the sound so far, without what is settled."""

    context: Context
    log_prob: float
    """Nats, relative to the best when the last frames came."""
    emissions: tuple[TextEmission, ...]


class TextBeam:
    """The hypotheses of one stream."""

    def __init__(self, acoustics: Acoustics, beam: int = TEXT_BEAM) -> None:
        """A beam that has heard nothing."""
        self._acoustics = acoustics
        self._beam = beam
        self._hypotheses = [TextHypothesis(START, 0.0, ())]

    @property
    def best(self) -> TextHypothesis:
        """The likeliest so far."""
        return self._hypotheses[0]

    def push(self, frames: NDArray[np.float32], first_frame: int) -> list[TextEmission]:
        """Consecutive frames (n, C), the first of which has number `first_frame` → tokens that are settled by now."""
        rows = ContextRows(self._acoustics, frames)
        for offset in range(len(frames)):
            rows.prepare((h.context for h in self._hypotheses), offset)
            self.step(rows, offset, first_frame + offset)
        highest = self.best.log_prob
        self._hypotheses = [h._replace(log_prob=h.log_prob - highest) for h in self._hypotheses]
        return self._settle(KEPT_TOKENS)

    def finish(self) -> list[TextEmission]:
        """Nothing comes any more: the tokens of the likeliest hypothesis that were not settled yet."""
        return self._settle(0)

    def step(self, rows: ContextRows, offset: int, number: int) -> None:
        """One frame: every hypothesis goes on with each token that is not out of the question; the best stay."""
        silent = self._acoustics.silent_tokens
        merged: dict[tuple[int, ...], TextHypothesis] = {}
        floor = self.best.log_prob - UNLIKELY_NATS
        for h in self._hypotheses:
            row = rows.at(h.context, offset)
            for token in np.flatnonzero(row >= floor - h.log_prob).tolist():
                log_prob = float(row[token])
                if token in silent:
                    new = TextHypothesis(h.context, h.log_prob + log_prob, h.emissions)
                else:
                    emitted = TextEmission(token, number, log_prob)
                    new = TextHypothesis((h.context[1], token), h.log_prob + log_prob, (*h.emissions, emitted))
                text = tuple(emission.token for emission in new.emissions)
                merged[text] = sum_of_texts(merged[text], new) if text in merged else new
        self._hypotheses = sorted(merged.values(), key=lambda h: -h.log_prob)[: self._beam]

    def _settle(self, kept: int) -> list[TextEmission]:
        """The oldest tokens of the likeliest hypothesis, all but `kept`; the others must have them too."""
        surplus = len(self.best.emissions) - kept
        if surplus <= 0:
            return []
        settled = self.best.emissions[:surplus]
        tokens = [emission.token for emission in settled]
        agreeing = (h for h in self._hypotheses if [e.token for e in h.emissions[:surplus]] == tokens)
        self._hypotheses = [h._replace(emissions=h.emissions[surplus:]) for h in agreeing]
        return list(settled)


def sum_of_texts(one: TextHypothesis, other: TextHypothesis) -> TextHypothesis:
    """Probabilities add, and the better one's times stay."""
    better, worse = (one, other) if one.log_prob >= other.log_prob else (other, one)
    return better._replace(log_prob=better.log_prob + math.log1p(math.exp(worse.log_prob - better.log_prob)))
