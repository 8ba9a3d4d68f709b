"""Encoder frames → matches: hypotheses walk the keyword graph, and one that reaches the end of a keyword says so.

Time-synchronous beam search over a stateless transducer with at most one token per frame, as in icefall's keyword
search, but: the bonus counts before pruning, not after it; hypotheses that only their past tells apart are merged; the
one at the root, where every keyword begins, is never pruned; and whether a match is a hit is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kwsd.search.graph import Node, TokenSequence
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.units import BLANK_ID, START, Context

SAME_EMISSION_FRAMES = 5  # two hypotheses may emit one spoken token this far apart
CACHED_BONUSES = 2048  # × vocabulary floats: 4 MB at most


class Emission(NamedTuple):
    """A token and the frame it was emitted on."""

    token: int
    frame: int


class Hypothesis(NamedTuple):
    """One way to have heard the sound so far."""

    node: Node
    context: Context
    log_prob: float
    """Acoustic, nats, relative to the best when the chunk began."""
    emissions: tuple[Emission, ...]
    """One per token from the root to `node`."""
    blanks: int
    """Frames since the last of them."""


@dataclass(frozen=True, slots=True)
class Match:
    """A hypothesis stands at the end of a keyword, and enough blanks have followed."""

    sequence: TokenSequence
    frames: tuple[int, ...]
    """Encoder frame of each of its tokens, as the search emitted them."""
    margin: float
    """Acoustic log-probability of this hypothesis less that of the best one: 0 or below."""


class BeamSearch:
    """The hypotheses of one stream."""

    def __init__(self, keyword_set: KeywordSet, acoustics: Acoustics) -> None:
        """Search the graph of `keyword_set`; one set, one search."""
        self._graph = keyword_set.graph
        self._max_gap_frames = keyword_set.max_gap_frames
        self._acoustics = acoustics
        self._beam = keyword_set.beam
        self._beam_delta = keyword_set.beam_delta
        self._bonuses: dict[Node, NDArray[np.float32]] = {}
        self.reset()

    def reset(self) -> None:
        """Start from the root, which is the first of the hypotheses at all times."""
        self._hypotheses = [Hypothesis(self._graph.root, START, 0.0, (), 0)]

    def push(self, frames: NDArray[np.float32], first_frame: int) -> list[Match]:
        """Consecutive encoder frames (n, C), the first of which has number `first_frame` → matches in order."""
        at_root = self._acoustics.log_probs(frames, [START] * len(frames))
        matches: list[Match] = []
        for offset in range(len(frames)):
            if len(self._hypotheses) == 1 and self._is_quiet(at_root[offset]):
                continue  # only the root lives, and only a blank can follow: nothing changes
            matches += self._step_frame(frames[offset], at_root[offset], first_frame + offset)
        best = max(h.log_prob for h in self._hypotheses)
        self._hypotheses = [h._replace(log_prob=h.log_prob - best) for h in self._hypotheses]  # keeps numbers small
        return matches

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Those alive, the one at the root first."""
        return tuple(self._hypotheses)

    def may_grow(self, frame: int, tokens: tuple[int, ...]) -> bool:
        """Whether a longer keyword that contains `tokens`, the last of them emitted near `frame`, may still come."""
        return any(_may_grow(h, frame, tokens) for h in self._hypotheses)

    def _is_quiet(self, at_root: NDArray[np.float32]) -> bool:
        """Whether at the root (vocabulary,) every token but the blank falls outside the beam."""
        ranks = at_root + self._bonus(self._graph.root)
        blank = float(ranks[BLANK_ID])
        ranks[BLANK_ID] = -np.inf
        return float(ranks.max()) < blank - self._beam_delta

    def _step_frame(self, frame: NDArray[np.float32], at_root: NDArray[np.float32], number: int) -> list[Match]:
        oldest = number - self._max_gap_frames
        root, *others = self._hypotheses
        live = [root, *(h for h in others if h.emissions[-1].frame >= oldest)]
        log_probs = self._log_probs(live, frame, at_root)
        self._hypotheses = _merge(
            self._successor(live[row], token, float(log_probs[row, token]), number)
            for row, token in self._best(live, log_probs)
        )
        best = max(h.log_prob for h in self._hypotheses)
        return [match for h in self._hypotheses if h.node.sequences for match in _matches(h, best)]

    def _log_probs(
        self, live: list[Hypothesis], frame: NDArray[np.float32], at_root: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(hypotheses, vocabulary); the first row, that of the root, is known already."""
        if len(live) == 1:
            return at_root[None]
        contexts = [h.context for h in live[1:]]
        rows = np.empty((len(live), len(at_root)), np.float32)  # np.vstack would take eight times as long
        rows[0] = at_root
        rows[1:] = self._acoustics.log_probs(frame[None].repeat(len(contexts), axis=0), contexts)
        return rows

    def _best(self, live: list[Hypothesis], log_probs: NDArray[np.float32]) -> list[tuple[int, int]]:
        """(row, token) of the successors to keep: a blank at the root, then the best; ties by row, then token."""
        ranks = np.array([self._bonus(h.node) for h in live])
        ranks += log_probs
        ranks += np.array([[h.log_prob] for h in live], np.float32)
        flat = ranks.ravel()
        near = np.flatnonzero(flat >= flat.max() - self._beam_delta)
        kept = near[(-flat[near]).argsort(kind="stable")[: self._beam]].tolist()
        return [(0, BLANK_ID), *(divmod(index, ranks.shape[1]) for index in kept if index != BLANK_ID)]

    def _bonus(self, node: Node) -> NDArray[np.float32]:
        """The boosts of a hypothesis at `node` once it has taken each token (vocabulary,)."""
        known = self._bonuses.get(node)
        if known is None:
            if len(self._bonuses) >= CACHED_BONUSES:
                self._bonuses.clear()
            size = self._acoustics.vocabulary_size
            known = np.zeros(size, np.float32) if node.fail is None else self._bonus(node.fail).copy()
            tokens, boost_sums = node.boosted()
            known[tokens] = boost_sums
            known[list(self._acoustics.silent_tokens)] = node.boost_sum
            self._bonuses[node] = known
        return known

    def _successor(self, h: Hypothesis, token: int, log_prob: float, number: int) -> Hypothesis:
        total = h.log_prob + log_prob
        if token in self._acoustics.silent_tokens:
            return Hypothesis(h.node, h.context, total, h.emissions, h.blanks + 1)
        node = self._graph.step(h.node, token)
        if node.level == 0:
            return Hypothesis(node, START, total, (), 0)
        emissions = (*h.emissions, Emission(token, number))[-node.level :]
        return Hypothesis(node, (h.context[1], token), total, emissions, 0)


def _merge(hypotheses: Iterable[Hypothesis]) -> list[Hypothesis]:
    """Those with the same future become one: probabilities add, the better one's times stay. Order is kept."""
    merged: dict[tuple[Node, Context], Hypothesis] = {}
    for h in hypotheses:
        future = (h.node, h.context)
        known = merged.get(future)
        if known is not None:
            better, worse = (known, h) if known.log_prob >= h.log_prob else (h, known)
            total = better.log_prob + math.log1p(math.exp(worse.log_prob - better.log_prob))
            h = better._replace(log_prob=total)  # noqa: PLW2901
        merged[future] = h
    return list(merged.values())


def _matches(h: Hypothesis, best: float) -> Iterator[Match]:
    """Every keyword that ends where `h` stands, if enough blanks have followed."""
    for sequence in h.node.sequences:
        if h.blanks >= sequence.trailing_blanks:
            frames = tuple(emission.frame for emission in h.emissions[-len(sequence.tokens) :])
            yield Match(sequence, frames, h.log_prob - best)


def _may_grow(h: Hypothesis, frame: int, tokens: tuple[int, ...]) -> bool:
    """Whether `h` contains `tokens` and either has gone on from there or still can."""
    spelt = tuple(emission.token for emission in h.emissions)
    return any(
        spelt[end - len(tokens) : end] == tokens
        and abs(h.emissions[end - 1].frame - frame) <= SAME_EMISSION_FRAMES
        and (end < len(spelt) or not h.node.is_leaf)
        for end in range(len(tokens), len(spelt) + 1)
    )
