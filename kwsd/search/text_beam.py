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
from kwsd.units import BLANK_ID, START, Context

TEXT_BEAM = 4
KEPT_TOKENS = 64  # about 15 s of speech
SURELY_BLANK = -0.002  # nats: where the best text's blank is so probable, every text takes it, and no other row is made


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
    text: tuple[int, ...]
    """Its tokens."""
    emissions: tuple[TextEmission, ...]
    """The same with their frames."""


class TextBeam:
    """The hypotheses of one stream."""

    def __init__(self, acoustics: Acoustics, beam: int = TEXT_BEAM) -> None:
        """A beam that has heard nothing."""
        self._acoustics = acoustics
        self._beam = beam
        self._hypotheses = [TextHypothesis(START, 0.0, (), ())]

    @property
    def hypotheses(self) -> tuple[TextHypothesis, ...]:
        """The likeliest so far, the best first."""
        return tuple(self._hypotheses)

    @property
    def best(self) -> TextHypothesis:
        """The likeliest so far."""
        return self._hypotheses[0]

    def push(self, frames: NDArray[np.float32], first_frame: int) -> list[TextEmission]:
        """Consecutive frames (n, C), the first of which has number `first_frame` → tokens that are settled by now."""
        rows = ContextRows(self._acoustics, frames, [self.best.context])
        for offset in range(len(frames)):
            self.step(rows, offset, first_frame + offset)
        return self.settle()

    def step(self, rows: ContextRows, offset: int, number: int) -> float:
        """One frame, which has this `number` → what it adds to the log-probability of the likeliest text."""
        before = self.best.log_prob
        blank = float(rows.at([self.best.context], offset)[0][BLANK_ID])
        if blank >= SURELY_BLANK:
            self._hypotheses = [h._replace(log_prob=h.log_prob + blank) for h in self._hypotheses]
            return blank
        ranks = np.array(rows.at([h.context for h in self._hypotheses], offset))
        ranks += np.array([[h.log_prob] for h in self._hypotheses], np.float32)
        flat = ranks.ravel()
        kept = flat.argpartition(-2 * self._beam)[-2 * self._beam :].tolist()  # twice as many, since some are one text
        merged: dict[tuple[int, ...], TextHypothesis] = {}
        for index in kept:
            row, token = divmod(index, ranks.shape[1])
            new = self.successor(self._hypotheses[row], token, float(flat[index]), number)
            known = merged.get(new.text)
            merged[new.text] = new if known is None else sum_of_texts(known, new)
        self._hypotheses = sorted(merged.values(), key=lambda h: -h.log_prob)[: self._beam]
        return self.best.log_prob - before

    def settle(self) -> list[TextEmission]:
        """At the end of a piece of frames: keep numbers small, and give the tokens beyond what is kept."""
        highest = self.best.log_prob
        self._hypotheses = [h._replace(log_prob=h.log_prob - highest) for h in self._hypotheses]
        return self._settle(KEPT_TOKENS)

    def finish(self) -> list[TextEmission]:
        """Nothing comes any more: the tokens of the likeliest hypothesis that were not settled yet."""
        return self._settle(0)

    def successor(self, h: TextHypothesis, token: int, log_prob: float, number: int) -> TextHypothesis:
        """A hypothesis that has taken one more token; `log_prob` is what it has then."""
        if token in self._acoustics.silent_tokens:
            return h._replace(log_prob=log_prob)
        emitted = TextEmission(token, number, log_prob - h.log_prob)
        return TextHypothesis((h.context[1], token), log_prob, (*h.text, token), (*h.emissions, emitted))

    def _settle(self, kept: int) -> list[TextEmission]:
        """The oldest tokens of the likeliest hypothesis, all but `kept`; the others must have them too."""
        surplus = len(self.best.text) - kept
        if surplus <= 0:
            return []
        settled, tokens = self.best.emissions[:surplus], self.best.text[:surplus]
        agreeing = (h for h in self._hypotheses if h.text[:surplus] == tokens)
        self._hypotheses = [h._replace(text=h.text[surplus:], emissions=h.emissions[surplus:]) for h in agreeing]
        return list(settled)


def sum_of_texts(one: TextHypothesis, other: TextHypothesis) -> TextHypothesis:
    """Probabilities add, and the better one's times stay."""
    better, worse = (one, other) if one.log_prob >= other.log_prob else (other, one)
    return better._replace(log_prob=better.log_prob + math.log1p(math.exp(worse.log_prob - better.log_prob)))
