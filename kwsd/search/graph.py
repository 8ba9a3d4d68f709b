"""Token sequences of all keywords as one Aho-Corasick automaton whose nodes know the sum of boosts up to them.

Follows icefall's ContextGraph (Aho and Corasick 1975, failure links over token ids) with three differences. Scores are
computed after the trie is whole, so that a shared prefix with two boosts keeps its books straight. A hypothesis owes
exactly `node.boost_sum`, a function of where it stands, so that nothing has to be given back on leaving. And it is kept
in arrays, level after level: an object for each of the 100 000 nodes of 10 000 keywords took ten times the memory and
time. Nodes become objects where a search comes by.
"""

from __future__ import annotations

from collections.abc import Iterable, KeysView
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from kwsd.quick_dataclass import dataclass
from kwsd.search.posteriors import Acoustics

CACHED_BOOSTS = 1 << 20  # floats: 4 MB, however many streams search the graph

Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """One way in which the model may write a keyword."""

    tokens: tuple[int, ...]
    spelling: str = ""
    """The text that is written so."""
    keyword: int = 0
    """Index into the keyword set."""
    boost: float = 0.0
    """Log-probability added per token while it is being matched."""
    trailing_blanks: int = 0
    """Blank frames that must follow the last token."""


class Node:
    """A prefix of one or more sequences. Immutable; a graph has one object for each that was ever asked for."""

    __slots__ = ("_children", "_graph", "_index", "boost", "boost_sum", "fail", "level", "sequences", "token")

    def __init__(self, graph: ContextGraph, index: int) -> None:
        """The node with this number in the arrays of `graph`."""
        self._graph, self._index = graph, index
        self.token = int(graph.tokens[index])
        """-1 for the root."""
        self.level = int(graph.levels[index])
        """Tokens from the root."""
        self.boost = float(graph.boosts[index])
        """Added for taking the edge into this node: the largest of the sequences that share it."""
        self.boost_sum = float(graph.boost_sums[index])
        """Sum of `boost` from the root to here."""
        self.fail: Node | None = graph.node(int(graph.fails[index])) if index else None
        """Node of the longest proper suffix that is a prefix too; None for the root only."""
        own = graph.ending_at(index)
        self.sequences: tuple[TokenSequence, ...] = (*own, *self.fail.sequences) if self.fail else own
        """Those that end here, own ones first, then those that are suffixes, longest first."""
        first, end = graph.first_children[index : index + 2].tolist()
        self._children = dict(zip(graph.tokens[first:end].tolist(), range(first, end), strict=True))

    @property
    def children(self) -> dict[int, Node]:
        """By the token that leads there."""
        return {token: self._graph.node(index) for token, index in self._children.items()}

    @property
    def path(self) -> tuple[int, ...]:
        """The tokens that lead here from the root."""
        tokens, index = [], self._index
        while index:
            tokens.append(int(self._graph.tokens[index]))
            index = int(self._graph.parents[index])
        return tuple(reversed(tokens))

    @property
    def is_leaf(self) -> bool:
        """Whether no longer sequence begins like this."""
        return not self._children

    def child(self, token: int) -> Node | None:
        """Where `token` leads, if to a longer prefix."""
        index = self._children.get(token)
        return None if index is None else self._graph.node(index)

    def children_among(self, tokens: KeysView[int]) -> list[tuple[int, Node]]:
        """Those of them that lead to a longer prefix, and where."""
        return [(token, self._graph.node(self._children[token])) for token in self._children.keys() & tokens]

    def boosted(self) -> tuple[Ints, NDArray[np.float64]]:
        """Tokens of the children, and the sum of boosts at each."""
        first, end = self._graph.first_children[self._index : self._index + 2]
        return self._graph.tokens[first:end], self._graph.boost_sums[first:end]


class ContextGraph:
    """Immutable to whoever walks it; shared freely between streams and threads, and swapped between chunks.

    The arrays have an entry for each node, the root first, then level by level; children of one node lie side by side.
    """

    def __init__(self, sequences: Iterable[TokenSequence]) -> None:
        """Build the automaton. A sequence without tokens is ignored; equal sequences are all kept."""
        self._sequences = sorted((each for each in sequences if each.tokens), key=lambda each: each.tokens)
        self._nodes: dict[int, Node] = {}
        self._boosts: dict[Node, NDArray[np.float32]] = {}
        self._grow()
        # Failure nodes, level by level: those above are known, and all edges lie in one sorted array.
        size = int(self.tokens.max()) + 1
        edges = self.parents[1:].astype(np.int64) * size + self.tokens[1:]
        self.fails = np.zeros(len(self.tokens), np.int32)
        borders = np.searchsorted(self.levels, np.arange(2, int(self.levels.max()) + 2))
        for first, end in pairwise(borders.tolist()):
            nodes = np.arange(first, end)
            tried = self.fails[self.parents[nodes]]
            while len(nodes):
                wanted = tried.astype(np.int64) * size + self.tokens[nodes]
                place = np.searchsorted(edges, wanted).clip(max=len(edges) - 1)
                found = edges[place] == wanted
                self.fails[nodes[found]] = place[found] + 1
                goes_on = ~found & (tried > 0)
                nodes, tried = nodes[goes_on], self.fails[tried[goes_on]]
        self.root = self.node(0)

    def node(self, index: int) -> Node:
        """The object for a node; of two threads that ask for a new one, both get the same."""
        known = self._nodes.get(index)
        return self._nodes.setdefault(index, Node(self, index)) if known is None else known

    def boosts_at(self, node: Node, acoustics: Acoustics) -> NDArray[np.float32]:
        """The boosts of a hypothesis at `node` once it has taken each token (vocabulary,); not to be written to."""
        known = self._boosts.get(node)
        if known is None:
            if len(self._boosts) * acoustics.vocabulary_size >= CACHED_BOOSTS:
                self._boosts.clear()
            size = acoustics.vocabulary_size
            known = np.zeros(size, np.float32) if node.fail is None else self.boosts_at(node.fail, acoustics).copy()
            tokens, boost_sums = node.boosted()
            known[tokens] = boost_sums
            known[list(acoustics.silent_tokens)] = node.boost_sum
            self._boosts[node] = known
        return known

    def ending_at(self, index: int) -> tuple[TokenSequence, ...]:
        """Sequences that are exactly this prefix, in the order given."""
        first, end = self._first_ends[index : index + 2].tolist()
        return tuple(self._sequences[place] for place in self._ends[first:end].tolist())

    def step(self, node: Node, token: int) -> Node:
        """Where `token` leads from `node`: its child, else that of the nearest failure node, else the root."""
        here: Node | None = node
        while here is not None:
            child = here.child(token)
            if child is not None:
                return child
            here = here.fail
        return self.root

    def _grow(self) -> None:
        """Level by level: sorted sequences share a prefix with their neighbours, so that a level is a comparison."""
        lengths = np.array([len(each.tokens) for each in self._sequences], np.int64)
        boost = np.array([each.boost for each in self._sequences])
        alive = np.arange(lengths.max(initial=0)) < lengths.reshape(-1, 1)
        rows: Ints = np.full(alive.shape, -1, np.int32)
        rows[alive] = [*chain.from_iterable(each.tokens for each in self._sequences)]
        begins = np.ones(rows.shape, bool)
        begins[1:] = np.logical_or.accumulate(rows[1:] != rows[:-1], axis=1)  # what the row above does not begin with
        begins &= alive
        count = 1 + int(begins.sum())
        self.tokens, self.levels, self.parents = (np.full(count, first, np.int32) for first in (-1, 0, -1))
        self.boosts, self.boost_sums = np.zeros(count), np.zeros(count)
        here, end = np.zeros(len(lengths), np.int32), 1
        for depth in range(alive.shape[1]):
            live = np.flatnonzero(alive[:, depth])
            new = begins[live, depth]
            above = here[live][new]
            here[live] = end - 1 + np.cumsum(new)
            level = slice(end, end + len(above))
            end = level.stop
            self.tokens[level], self.levels[level], self.parents[level] = rows[live[new], depth], depth + 1, above
            self.boosts[level] = -np.inf
            np.maximum.at(self.boosts, here[live], boost[live])
            self.boost_sums[level] = self.boost_sums[above] + self.boosts[level]
        self._ends = here.argsort(kind="stable")
        borders = np.arange(count + 1, dtype=np.int32)
        self._first_ends = np.searchsorted(here[self._ends], borders).astype(np.int32)
        self.first_children = np.searchsorted(self.parents, borders).astype(np.int32)
