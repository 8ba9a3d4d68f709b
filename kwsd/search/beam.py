"""Encoder frames → matches: hypotheses walk the keyword graph, and one that reaches the end of a keyword says so.

Time-synchronous beam search over a stateless transducer with at most one token per frame, as in icefall's keyword
search, but: the bonus counts before pruning, not after it; hypotheses that only their past tells apart are merged; the
one at the root, where every keyword begins, is never pruned; and whether a match is a hit is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from kwsd.search.graph import Node, TokenSequence
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.stream import Float32
from kwsd.units import BLANK_ID, START, Context

SAME_EMISSION_FRAMES = 5  # two hypotheses may emit one spoken token this far apart


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
        self.keyword_set = keyword_set
        self.acoustics = acoustics
        self.reset()

    def reset(self) -> None:
        """Start from the root."""
        self.hypotheses = [Hypothesis(self.keyword_set.graph.root, START, 0.0, (), 0)]
        """Those alive, the one at the root first at all times."""

    def push(self, frames: Float32, first_frame: int) -> list[Match]:
        """Consecutive encoder frames (n, C), the first of which has number `first_frame` → matches in order."""
        return push_all([self], [frames], [first_frame])[0]

    def may_grow(self, frame: int, tokens: tuple[int, ...]) -> bool:
        """Whether a longer keyword that contains `tokens`, the last of them emitted near `frame`, may still come."""
        for h in self.hypotheses:
            spelt = tuple(emission.token for emission in h.emissions)
            if any(
                spelt[end - len(tokens) : end] == tokens
                and abs(h.emissions[end - 1].frame - frame) <= SAME_EMISSION_FRAMES
                and (end < len(spelt) or not h.node.is_leaf)  # it has gone on from there, or still can
                for end in range(len(tokens), len(spelt) + 1)
            ):
                return True
        return False

    def live(self, number: int) -> list[Hypothesis]:
        """Those that frame `number` may follow."""
        oldest = number - self.keyword_set.max_gap_frames
        root, *others = self.hypotheses
        return [root, *(h for h in others if h.emissions[-1].frame >= oldest)]

    def step(self, chosen: Iterable[tuple[Hypothesis, int, float]], number: int) -> Iterator[Match]:
        """Hypotheses of the frame before with a token each and its log-probability → the matches of frame `number`."""
        self.hypotheses = _merge(self._successor(*each, number) for each in chosen)
        best = max(h.log_prob for h in self.hypotheses)
        return (
            Match(
                sequence, tuple(emission.frame for emission in h.emissions[-len(sequence.tokens) :]), h.log_prob - best
            )
            for h in self.hypotheses
            for sequence in h.node.sequences
            if h.blanks >= sequence.trailing_blanks
        )

    def _successor(self, h: Hypothesis, token: int, log_prob: float, number: int) -> Hypothesis:
        total = h.log_prob + log_prob
        if token in self.acoustics.silent_tokens:
            return Hypothesis(h.node, h.context, total, h.emissions, h.blanks + 1)
        node = self.keyword_set.graph.step(h.node, token)
        if node.level == 0:
            return Hypothesis(node, START, total, (), 0)
        emissions = (*h.emissions, Emission(token, number))[-node.level :]
        return Hypothesis(node, (h.context[1], token), total, emissions, 0)


def push_all(beams: Sequence[BeamSearch], frames: Sequence[Float32], first_frames: Sequence[int]) -> list[list[Match]]:
    """What `push` gives for each of some streams that search for one keyword set, to the last bit; frames: (n, C) each.

    All step together: what a call of NumPy takes beside its arithmetic is most of a frame's cost, and they share it.
    """
    acoustics, keyword_set = beams[0].acoustics, beams[0].keyword_set
    count, together = len(frames[0]), np.concatenate(frames)
    at_root = acoustics.log_probs(together, [START] * len(together), [count] * len(beams))
    boosted = at_root + keyword_set.graph.boosts_at(keyword_set.graph.root, acoustics)
    blanks = boosted[:, BLANK_ID].copy()
    boosted[:, BLANK_ID] = -np.inf
    quiet = (boosted.max(axis=1) < blanks - keyword_set.beam_delta).tolist()
    matches: list[list[Match]] = [[] for _ in beams]
    for offset in range(count):
        # where only the root lives, and only a blank can follow, nothing changes
        moving = [
            place for place, beam in enumerate(beams) if len(beam.hypotheses) > 1 or not quiet[place * count + offset]
        ]
        if moving:
            rows = [place * count + offset for place in moving]
            step = Step([beams[place] for place in moving], [first_frames[place] + offset for place in moving])
            for place, found in zip(moving, step.take(together[rows], at_root[rows]), strict=True):
                matches[place] += found
    for beam in beams:  # keeps numbers small
        best = max(h.log_prob for h in beam.hypotheses)
        beam.hypotheses = [h._replace(log_prob=h.log_prob - best) for h in beam.hypotheses]
    return matches


class Step:
    """One frame of each of some streams."""

    def __init__(self, beams: Sequence[BeamSearch], numbers: Sequence[int]) -> None:
        """The frames have these numbers in their streams."""
        self._beams, self._numbers = beams, numbers
        self._acoustics, self._set = beams[0].acoustics, beams[0].keyword_set
        live = [beam.live(number) for beam, number in zip(beams, numbers, strict=True)]
        self._live = list(chain.from_iterable(live))
        self._counts = np.array([len(each) for each in live])
        self._roots = np.cumsum(self._counts) - self._counts

    def take(self, frames: Float32, at_root: Float32) -> list[Iterator[Match]]:
        """The frames (streams, C), and what is known of them at the root, (streams, vocabulary) → matches of each."""
        log_probs = self._log_probs(frames, at_root)
        chosen = self._best(log_probs)
        return [
            beam.step([(self._live[row], token, float(log_probs[row, token])) for row, token in each], number)
            for beam, number, each in zip(self._beams, self._numbers, chosen, strict=True)
        ]

    def _log_probs(self, frames: Float32, at_root: Float32) -> Float32:
        """(hypotheses, vocabulary); the rows of the roots are known already."""
        if len(self._live) == len(self._beams):
            return at_root
        others = np.ones(len(self._live), bool)
        others[self._roots] = False
        contexts = [h.context for h, is_other in zip(self._live, others.tolist(), strict=True) if is_other]
        rows = np.empty((len(self._live), at_root.shape[1]), np.float32)
        rows[self._roots] = at_root
        counts = self._counts - 1
        rows[others] = self._acoustics.log_probs(frames.repeat(counts, axis=0), contexts, counts[counts > 0].tolist())
        return rows

    def _best(self, log_probs: Float32) -> list[list[tuple[int, int]]]:
        """Of each stream (row, token) of the successors to keep: a blank at the root, then the best.

        Ties go by row, then token.
        """
        graph = self._set.graph
        ranks = np.array([graph.boosts_at(h.node, self._acoustics) for h in self._live])
        ranks += log_probs
        ranks += np.array([[h.log_prob] for h in self._live], np.float32)
        best = np.maximum.reduceat(ranks.max(axis=1), self._roots)
        near, tokens = np.nonzero(ranks >= (best - self._set.beam_delta).repeat(self._counts)[:, None])
        streams = np.arange(len(self._beams)).repeat(self._counts)[near]
        order = np.lexsort((-ranks[near, tokens], streams))
        ends = np.searchsorted(streams, np.arange(len(self._beams)), side="right").tolist()
        pairs = list(zip(near[order].tolist(), tokens[order].tolist(), strict=True))
        return [
            [(root, BLANK_ID), *(pair for pair in pairs[start:end][: self._set.beam] if pair != (root, BLANK_ID))]
            for root, start, end in zip(self._roots.tolist(), [0, *ends], ends, strict=False)
        ]


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
