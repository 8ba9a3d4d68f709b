"""Encoder frames → matches: hypotheses walk the keyword graph, and one that reaches the end of a keyword says so.

Time-synchronous beam search over a stateless transducer with at most one token per frame, as in icefall's keyword
search, but: the bonus counts before pruning, not after it; hypotheses that only their past tells apart are merged; the
one at the root, where every keyword begins, is never pruned; and whether a match is a hit is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kwsd.search.graph import Node, TokenSequence
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.stream import Float32
from kwsd.units import BLANK_ID, START, Context

Following = tuple[float, list[tuple[float, int, float]]]
"""Of the tokens that may follow: the best rank (boosts count), and rank, token and log-probability of those near it."""
NOTHING: Following = (0.0, [])
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
        ahead, matches = Ahead(self.keyword_set, self.acoustics, frames), list[Match]()
        for offset, number in enumerate(range(first_frame, first_frame + len(frames))):
            # where only the root lives, and only a blank can follow, nothing changes
            if len(self.hypotheses) > 1 or not ahead.is_quiet(offset):
                live = self.live(number)
                ahead.look(live, offset)
                matches += self.step(ahead.best(live, offset), number)
        best = max(h.log_prob for h in self.hypotheses)  # keeps numbers small
        self.hypotheses = [Hypothesis(h[0], h[1], h[2] - best, h[3], h[4]) for h in self.hypotheses]
        return matches

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
        merged: dict[tuple[Node, Context], Hypothesis] = {}
        for each in chosen:
            h = self._successor(*each, number)
            known = merged.setdefault((h.node, h.context), h)
            if known is not h:
                merged[h.node, h.context] = _merge(known, h)
        self.hypotheses = [*merged.values()]
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


class Ahead:
    """What may follow where a hypothesis stands, in each of the frames at hand: asked for all of them once it is there.

    A call of NumPy takes as long for eight frames as for one, and most hypotheses stay where they are for some.
    """

    def __init__(self, keyword_set: KeywordSet, acoustics: Acoustics, frames: Float32) -> None:
        """Of consecutive frames (n, C)."""
        self._set, self._acoustics, self._frames = keyword_set, acoustics, frames
        self._root = (keyword_set.graph.root, START)
        log_probs = acoustics.log_probs(frames, [START] * len(frames))
        following = self._following(log_probs, log_probs + keyword_set.graph.boosts_at(self._root[0], acoustics))
        self._known: dict[tuple[Node, Context], list[Following]] = {self._root: following}
        self._blanks = log_probs[:, BLANK_ID].tolist()

    def is_quiet(self, offset: int) -> bool:
        """Whether nothing but a blank can follow at the root."""
        _, near = self._known[self._root][offset]
        return len(near) == 1 and near[0][1] == BLANK_ID

    def look(self, live: Sequence[Hypothesis], offset: int) -> None:
        """From frame `offset` on ask for what is not known yet of where live hypotheses stand."""
        places = dict.fromkeys((h.node, h.context) for h in live)
        if not offset:
            places.update(dict.fromkeys(self._begun()))
        new, left = [at for at in places if at not in self._known], len(self._frames) - offset
        if not new:
            return
        frames = np.concatenate([self._frames[offset:]] * len(new))
        log_probs = self._acoustics.log_probs(frames, [context for _, context in new for _ in range(left)])
        boosts = np.array([self._set.graph.boosts_at(node, self._acoustics) for node, _ in new])
        following = self._following(log_probs, log_probs + boosts.repeat(left, axis=0))
        for number, at in enumerate(new):
            self._known[at] = [NOTHING] * offset + following[number * left : (number + 1) * left]

    def _begun(self) -> Iterator[tuple[Node, Context]]:
        """Where the first tokens of keywords lead that are near in these frames."""
        root, context = self._root
        for _, near in self._known[self._root]:
            for _, token, _ in near:
                if (node := root.child(token)) is not None:
                    yield node, (context[1], token)

    def _following(self, log_probs: Float32, ranks: Float32) -> list[Following]:
        """Of each row."""
        best = ranks.max(axis=1)
        rows, tokens = np.nonzero(ranks >= (best - self._set.beam_delta)[:, None])
        ends = np.searchsorted(rows, np.arange(len(ranks)), side="right").tolist()
        near = [*zip(ranks[rows, tokens].tolist(), tokens.tolist(), log_probs[rows, tokens].tolist(), strict=True)]
        return [(most, near[start:end]) for most, start, end in zip(best.tolist(), [0, *ends], ends, strict=False)]

    def best(self, live: Sequence[Hypothesis], offset: int) -> list[tuple[Hypothesis, int, float]]:
        """The successors to keep: a blank at the root, then the best. Ties go by hypothesis, then token."""
        following = [self._known[h.node, h.context][offset] for h in live]
        least = max(h.log_prob + best for h, (best, _) in zip(live, following, strict=True)) - self._set.beam_delta
        ranked = [
            (-h.log_prob - rank, row, token, log_prob)
            for row, (h, (best, near)) in enumerate(zip(live, following, strict=True))
            if h.log_prob + best >= least
            for rank, token, log_prob in near
            if h.log_prob + rank >= least
        ]
        ranked.sort()
        return [
            (live[0], BLANK_ID, self._blanks[offset]),
            *(
                (live[row], token, log_prob)
                for _, row, token, log_prob in ranked[: self._set.beam]
                if row or token != BLANK_ID
            ),
        ]


def _merge(known: Hypothesis, other: Hypothesis) -> Hypothesis:
    """Two with the same future become one: probabilities add, the better one's times stay."""
    better, worse = (known, other) if known.log_prob >= other.log_prob else (other, known)
    return better._replace(log_prob=better.log_prob + math.log1p(math.exp(worse.log_prob - better.log_prob)))
