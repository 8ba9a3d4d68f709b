"""Many streams searched for one keyword set, a frame of each at a time: what `BeamSearch` does, on arrays.

For one stream a call of NumPy costs more than its arithmetic, and objects are quicker; for sixteen it is the other way
round. What is found is the same, up to rounding: the joiner is asked about all streams in one product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import is_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.search.beam import BeamSearch, Emission, Hypothesis, Match
from kwsd.search.graph import ContextGraph, Node
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.stream import Float32
from kwsd.units import BLANK_ID, START

Ints = NDArray[np.int64]
KEPT_BOOSTS = 1 << 22  # floats: 16 MB, of 8000 nodes
NEVER = 1 << 30  # blanks


class Nodes:
    """Nodes of a graph that a search has come by, each with a place in arrays; the root's is 0."""

    def __init__(self, graph: ContextGraph, acoustics: Acoustics) -> None:
        """The root alone."""
        self._graph, self._acoustics = graph, acoustics
        self._places: dict[Node, int] = {}
        self._steps: dict[int, int] = {}
        self.nodes: list[Node] = []
        self.paths: list[tuple[int, ...]] = []
        """The tokens from the root to each."""
        self.boosts = np.zeros((256, acoustics.vocabulary_size), np.float32)
        """As `ContextGraph.boosts_at`."""
        self.least_blanks = np.zeros(256, np.int64)
        """That make a match of one who stands there."""
        self.place(graph.root)

    def place(self, node: Node) -> int:
        """Where it stands in the arrays."""
        place = self._places.get(node)
        if place is None:
            place = self._places[node] = len(self.nodes)
            self.nodes.append(node)
            self.paths.append(node.path)
            if place == len(self.boosts):
                self.boosts = np.concatenate([self.boosts, np.zeros_like(self.boosts)])
                self.least_blanks = np.concatenate([self.least_blanks, np.zeros_like(self.least_blanks)])
            self.boosts[place] = self._graph.boosts_at(node, self._acoustics)
            self.least_blanks[place] = min((each.trailing_blanks for each in node.sequences), default=NEVER)
        return place

    def behind(self, places: Ints, tokens: Ints) -> Ints:
        """Where each token leads from each place."""
        size, found = self._acoustics.vocabulary_size, []
        for key in (places * size + tokens).tolist():
            if key not in self._steps:
                place, token = divmod(key, size)
                self._steps[key] = self.place(self._graph.step(self.nodes[place], token))
            found.append(self._steps[key])
        return np.array(found)


@dataclass(slots=True)
class Rows:
    """Hypotheses of all streams: those of a stream side by side, the one at the root first."""

    stream: Ints
    place: Ints
    """Of the node."""
    context: Ints
    """(n, 2)."""
    log_prob: NDArray[np.float64]
    frames: Ints
    """(n, longest keyword): of the tokens so far, which end with the last column."""
    blanks: Ints

    def take(self, which: NDArray[np.generic]) -> Rows:
        """Some of them."""
        fields = (self.stream, self.place, self.context, self.log_prob, self.frames, self.blanks)
        return Rows(*(field[which] for field in fields))

    def merged(self, nodes: int, vocabulary_size: int) -> Rows:
        """Those with the same future become one: probabilities add, the better one's times stay. Order is kept."""
        size = vocabulary_size + 1
        keys = ((self.stream * nodes + self.place) * size + self.context[:, 0] + 1) * size + self.context[:, 1] + 1
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        same = (keys[1:] == keys[:-1]).nonzero()[0]
        if not len(same):
            return self
        left, into = np.ones(len(keys), bool), 0
        left[order[same + 1]] = False
        for known, other in zip(order[same].tolist(), order[same + 1].tolist(), strict=True):
            into = known if left[known] else into
            better, worse = float(self.log_prob[into]), float(self.log_prob[other])
            if worse > better:
                better, worse = worse, better
                self.frames[into], self.blanks[into] = self.frames[other], self.blanks[other]
            self.log_prob[into] = better + math.log1p(math.exp(worse - better))
        return self.take(left)


class StandingIn(Sequence[Hypothesis]):
    """What a stream holds, as rows: hypotheses are made of them when somebody asks, which in an archive is seldom."""

    def __init__(self, rows: Rows, span: slice, nodes: Nodes) -> None:
        """Those of `span`."""
        self.rows = rows
        self._span, self._nodes = span, nodes

    def __len__(self) -> int:
        return len(self._made)

    def __getitem__(self, index: Any) -> Any:
        return self._made[index]

    @cached_property
    def _made(self) -> list[Hypothesis]:
        rows, made = self.rows, list[Hypothesis]()
        fields = (rows.place, rows.context, rows.log_prob, rows.frames, rows.blanks)
        own = (each[self._span].tolist() for each in fields)
        for place, (before, last), log_prob, frames, blanks in zip(*own, strict=True):
            path = self._nodes.paths[place]
            emissions = tuple(map(Emission, path, frames[len(frames) - len(path) :]))
            made.append(Hypothesis(self._nodes.nodes[place], (before, last), log_prob, emissions, blanks))
        return made


class SideBySide:
    """A search for one keyword set in any number of streams. What is known of a stream lies in its `BeamSearch`."""

    def __init__(self, keyword_set: KeywordSet, acoustics: Acoustics) -> None:
        """Without any stream yet."""
        self._set, self._acoustics = keyword_set, acoustics
        self._spelling = np.ones(acoustics.vocabulary_size, bool)
        self._spelling[list(acoustics.silent_tokens)] = False
        self._longest = int(keyword_set.graph.levels.max())
        self._nodes = Nodes(keyword_set.graph, acoustics)
        self._given: list[StandingIn] = []

    def push(
        self, beams: Sequence[BeamSearch], frames: Sequence[Float32], first_frames: Sequence[int]
    ) -> list[list[Match]]:
        """What `BeamSearch.push` gives for each; frames: as many (n, C) of each."""
        if len(self._nodes.nodes) * self._acoustics.vocabulary_size >= KEPT_BOOSTS:
            self._nodes, self._given = Nodes(self._set.graph, self._acoustics), []
        sound = np.stack(frames, axis=1)
        numbers = np.array(first_frames) + np.arange(len(sound))[:, None]
        at_root = self._acoustics.log_probs(sound.reshape(-1, sound.shape[2]), [START] * numbers.size)
        at_root = at_root.reshape(*sound.shape[:2], -1)
        ranks = at_root + self._nodes.boosts[0]
        near = ranks >= ranks.max(axis=2, keepdims=True) - self._set.beam_delta
        # where only the root lives, and only a blank can follow, nothing changes
        moves = ~near[:, :, BLANK_ID] | (near.sum(axis=2) > 1)
        rows, matches = self.rows(beams), [list[Match]() for _ in beams]
        for heard, root, moving, number in zip(sound, at_root, moves, numbers, strict=True):
            moving[rows.stream[rows.place > 0]] = True
            if moving.any():
                rows = self.step(rows, heard, root, moving, number)
                for stream, match in self.matches(rows):
                    matches[stream].append(match)
        self.give(rows, beams)
        return matches

    def step(self, rows: Rows, heard: Float32, at_root: Float32, moving: NDArray[np.bool_], numbers: Ints) -> Rows:
        """A frame of each stream (streams, C), and what may follow at its root → the hypotheses behind it."""
        late = (rows.place > 0) & (rows.frames[:, -1] < numbers[rows.stream] - self._set.max_gap_frames)
        rows = rows.take(~late) if late.any() else rows
        log_probs, others = at_root[rows.stream], rows.place.nonzero()[0]
        if len(others):
            contexts = [*map(tuple, rows.context[others].tolist())]
            log_probs[others] = self._acoustics.log_probs(heard[rows.stream[others]], contexts)
        chosen, tokens = self.best(rows, log_probs)
        rows = rows.take(chosen)
        goes_on = moving[rows.stream]
        rows.log_prob += np.where(goes_on, log_probs[chosen, tokens], 0.0)
        rows.blanks += goes_on
        spoken = self._spelling[tokens].nonzero()[0]
        if len(spoken):
            said, before = tokens[spoken], rows.context[spoken, 1]
            places = self._nodes.behind(rows.place[spoken], said)
            context = np.stack([before, said], axis=1)
            context[places == 0] = START
            rows.place[spoken], rows.context[spoken], rows.blanks[spoken] = places, context, 0
            rows.frames[spoken, :-1] = rows.frames[spoken, 1:]
            rows.frames[spoken, -1] = numbers[rows.stream[spoken]]
        return rows.merged(len(self._nodes.nodes), self._acoustics.vocabulary_size) if tokens.any() else rows

    def best(self, rows: Rows, log_probs: Float32) -> tuple[Ints, Ints]:
        """Row and token of the successors to keep: of each stream a blank at its root, then the best.

        Ties go by row, then token.
        """
        roots = (rows.place == 0).nonzero()[0]
        ranks = (log_probs + self._nodes.boosts[rows.place]) + rows.log_prob[:, None]
        least = np.maximum.reduceat(ranks.max(axis=1), roots) - self._set.beam_delta
        near = ranks >= least[rows.stream][:, None]
        near[roots, BLANK_ID] = True
        chosen, tokens = near.nonzero()
        streams = rows.stream[chosen]
        order = np.lexsort((-ranks[chosen, tokens], streams))
        starts = np.searchsorted(streams, np.arange(len(roots)))
        is_pause = ((rows.place[chosen] == 0) & (tokens == BLANK_ID))[order]
        kept = (np.arange(len(order)) - starts[streams] < self._set.beam) | is_pause
        order = order[kept]
        order = order[np.argsort(2 * streams[order] - is_pause[kept], kind="stable")]
        return chosen[order], tokens[order]

    def matches(self, rows: Rows) -> Iterator[tuple[int, Match]]:
        """Those that stand at the end of a keyword, and have had blanks enough, with their stream."""
        ends = (rows.blanks >= self._nodes.least_blanks[rows.place]).nonzero()[0]
        if not len(ends):
            return
        best = np.maximum.reduceat(rows.log_prob, (rows.place == 0).nonzero()[0])
        margins = (rows.log_prob[ends] - best[rows.stream[ends]]).tolist()
        told = zip(*(each[ends].tolist() for each in (rows.stream, rows.place, rows.blanks, rows.frames)), strict=True)
        for margin, (stream, place, blanks, frames) in zip(margins, told, strict=True):
            for sequence in self._nodes.nodes[place].sequences:
                if blanks >= sequence.trailing_blanks:
                    yield stream, Match(sequence, tuple(frames[-len(sequence.tokens) :]), margin)

    def rows(self, beams: Sequence[BeamSearch]) -> Rows:
        """Their hypotheses."""
        if len(beams) == len(self._given) and all(map(is_, (beam.hypotheses for beam in beams), self._given)):
            return self._given[0].rows
        every = [h for beam in beams for h in beam.hypotheses]
        frames = np.zeros((len(every), self._longest), np.int64)
        for row, h in enumerate(every):
            if h.emissions:
                frames[row, -len(h.emissions) :] = [emission.frame for emission in h.emissions]
        return Rows(
            np.arange(len(beams)).repeat([len(beam.hypotheses) for beam in beams]),
            np.array([self._nodes.place(h.node) for h in every]),
            np.array([h.context for h in every]),
            np.array([h.log_prob for h in every]),
            frames,
            np.array([h.blanks for h in every]),
        )

    def give(self, rows: Rows, beams: Sequence[BeamSearch]) -> None:
        """To each stream its hypotheses, probabilities relative to the best, which keeps numbers small."""
        starts = (rows.place == 0).nonzero()[0]
        rows.log_prob -= np.maximum.reduceat(rows.log_prob, starts)[rows.stream]
        spans = starts.tolist(), [*starts[1:].tolist(), len(rows.place)]
        self._given = [StandingIn(rows, slice(*span), self._nodes) for span in zip(*spans, strict=True)]
        for beam, given in zip(beams, self._given, strict=True):
            beam.hypotheses = given
