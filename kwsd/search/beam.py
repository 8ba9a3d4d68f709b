"""Encoder frames → matches: hypotheses walk the keyword graph, and one that reaches the end of a keyword says so.

Time-synchronous beam search over a stateless transducer with at most one token per frame, as in icefall's keyword
search, but: the bonus counts before pruning, not after it; hypotheses that only their past tells apart are merged; the
one at the root, where every keyword begins, is never pruned; and whether a match is a hit is not decided here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kwsd.quick_dataclass import dataclass
from kwsd.search.graph import Node, TokenSequence
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.stream import Float32
from kwsd.units import BLANK_ID, START, Context

Place = tuple[Node, Context]
"""Where a hypothesis stands: what may follow depends on nothing else."""
Following = tuple[list[float], list[tuple[float, int, float]], list[int], int]
"""Best ranks by row (boosts count), rank, token and log-probability of tokens near them, where those of each row begin,
and the row of frame 0."""
MOST_AHEAD = 12  # places asked about before anybody stands there: with 10 000 keywords nearly every token leads on
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
        self.hypotheses: Sequence[Hypothesis] = [Hypothesis(self.keyword_set.graph.root, START, 0.0, (), 0)]
        """Those alive, the one at the root first at all times."""

    def push(self, frames: Float32, first_frame: int) -> list[Match]:
        """Consecutive encoder frames (n, C), the first of which has number `first_frame` → matches in order."""
        ahead, matches = Ahead(self.keyword_set, self.acoustics, frames, self.hypotheses), list[Match]()
        for offset, number in enumerate(range(first_frame, first_frame + len(frames))):
            # where only the root lives, and only a blank can follow, nothing changes
            if len(self.hypotheses) > 1 or not ahead.quiet[offset]:
                matches += self.step(ahead.best(self.live(number), offset), number)
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

    def step(self, chosen: Iterable[tuple[Hypothesis, int, float]], number: int) -> list[Match]:
        """Hypotheses of the frame before with a token each and its log-probability → the matches of frame `number`.

        Two with the same future become one: probabilities add, the better one's times stay.
        """
        graph = self.keyword_set.graph
        merged: dict[tuple[Node, Context], tuple[float, tuple[Emission, ...], int]] = {}
        for (node, context, before, emissions, blanks), token, log_prob in chosen:
            nats = before + log_prob
            if token in self.acoustics.silent_tokens:
                at, new = (node, context), (nats, emissions, blanks + 1)
            elif (node := graph.step(node, token)) is graph.root:
                at, new = (node, START), (nats, (), 0)
            else:
                at, new = (node, (context[1], token)), (nats, (*emissions, Emission(token, number))[-node.level :], 0)
            known = merged.setdefault(at, new)
            if known is not new:
                better, worse = (known, new) if known[0] >= nats else (new, known)
                merged[at] = (better[0] + math.log1p(math.exp(worse[0] - better[0])), better[1], better[2])
        self.hypotheses = [Hypothesis(node, context, *rest) for (node, context), rest in merged.items()]
        ended = [(h, sequence) for h in self.hypotheses for sequence in h.node.sequences]
        best = max(h.log_prob for h in self.hypotheses) if ended else 0.0
        return [
            Match(sequence, tuple(said.frame for said in h.emissions[-len(sequence.tokens) :]), h.log_prob - best)
            for h, sequence in ended
            if h.blanks >= sequence.trailing_blanks
        ]


class Ahead:
    """What may follow where a hypothesis stands, in each of the frames at hand: asked for all of them at once.

    A call of NumPy takes as long for eight frames as for one, and most hypotheses stay where they are for some.
    """

    def __init__(
        self, keyword_set: KeywordSet, acoustics: Acoustics, frames: Float32, hypotheses: Sequence[Hypothesis]
    ) -> None:
        """Of consecutive frames (n, C). Asks about where hypotheses stand, then about where they may soon be."""
        self._set, self._acoustics, self._frames = keyword_set, acoustics, frames
        self._known: dict[Place, Following] = {}
        places = [(h.node, h.context) for h in hypotheses]
        self._blanks: list[float] = self._ask(places, 0)[0, :, BLANK_ID].tolist()
        _, near, begins, _ = self._known[places[0]]
        at_root = [[token for _, token, _ in near[span[0] : span[1]]] for span in pairwise(begins[: len(frames) + 1])]
        self.quiet = [tokens == [BLANK_ID] for tokens in at_root]
        """Whether nothing but a blank can follow at the root, by frame."""
        if begun := self._begun(places, at_root):
            self._ask(begun, 0)

    def _begun(self, places: Sequence[Place], near: Sequence[Sequence[int]]) -> list[Place]:
        """Where tokens lead from places that are near at the root in these frames, one behind the other."""
        heard: dict[int, list[int]] = {}
        for offset, tokens in enumerate(near):
            for token in tokens:
                heard.setdefault(token, []).append(offset)
        reached, waiting = dict.fromkeys(places, -1), list(places)
        for node, context in waiting:
            for token, child in node.children_among(heard.keys()):
                there, since = (child, (context[1], token)), reached[node, context]
                if there not in reached and heard[token][-1] > since and len(reached) < len(places) + MOST_AHEAD:
                    reached[there] = next(offset for offset in heard[token] if offset > since)
                    waiting.append(there)
        return waiting[len(places) :]

    def _ask(self, places: Sequence[Place], offset: int) -> NDArray[np.float32]:
        """Of each place, from frame `offset` on; → log-probabilities (places, frames, vocabulary)."""
        log_probs = self._acoustics.log_probs_each(self._frames[offset:], [context for _, context in places])
        boosts = np.array([self._set.graph.boosts_at(node, self._acoustics) for node, _ in places])
        ranks = log_probs + boosts[:, None]
        best = ranks.max(axis=2)
        flat = (ranks >= (best - self._set.beam_delta)[:, :, None]).ravel().nonzero()[0]
        rows, tokens = np.divmod(flat, ranks.shape[2])
        begins = [0, *rows.searchsorted(np.arange(1, best.size + 1)).tolist()]
        near = [*zip(ranks.take(flat).tolist(), tokens.tolist(), log_probs.take(flat).tolist(), strict=True)]
        mosts, frames = best.ravel().tolist(), best.shape[1]
        for number, at in enumerate(places):
            self._known[at] = mosts, near, begins, number * frames - offset
        return log_probs

    def best(self, live: Sequence[Hypothesis], offset: int) -> list[tuple[Hypothesis, int, float]]:
        """The successors to keep: a blank at the root, then the best. Ties go by hypothesis, then token."""
        known = self._known
        if new := [at for h in live if (at := (h[0], h[1])) not in known]:
            self._ask(new, offset)
        following = [(h[2], *known[h[0], h[1]]) for h in live]
        most = max([so_far + mosts[first + offset] for so_far, mosts, _, _, first in following])
        least = most - self._set.beam_delta
        ranked = [
            (-nats, number, token, log_prob)
            for number, (so_far, mosts, near, begins, first) in enumerate(following)
            if so_far + mosts[first + offset] >= least
            for rank, token, log_prob in near[begins[first + offset] : begins[first + offset + 1]]
            if (nats := so_far + rank) >= least
        ]
        ranked.sort()
        kept = ranked[: self._set.beam]
        others = ((live[row], token, log_prob) for _, row, token, log_prob in kept if row or token != BLANK_ID)
        return [(live[0], BLANK_ID, self._blanks[offset]), *others]
