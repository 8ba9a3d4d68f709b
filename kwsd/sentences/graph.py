"""All sentences as one graph over the units of a model, made deterministic where a search goes and nowhere else.

What may be said next at a word boundary is a trie over units, so that words share their beginnings. A place of the
search is the set of all nodes of such tries that one sequence of units leads to (subset construction, Rabin and Scott
1959, done lazily): sentences that have begun alike are one place, whatever their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kwsd.sentences.words import Arc, Mark, State, WordArcs

Spell = Callable[[str], tuple[tuple[int, ...], ...]]
"""Word → every way in which the model may write it."""

MOST_PLACES = 20_000  # kept between two sentences; a kilobyte each


@dataclass(eq=False, slots=True)
class UnitNode:
    """The beginning of one or more words that may be said from one state."""

    template: int
    state: State
    children: dict[int, UnitNode] = field(default_factory=dict)
    ends: list[Arc] = field(default_factory=list)
    """Words that are complete here."""


@dataclass(eq=False, slots=True)
class Place:
    """All that some units may have been the beginning of."""

    nodes: tuple[UnitNode, ...]
    final: bool
    """Whether they are a whole sentence of some template."""
    tokens: NDArray[np.intp]
    """Units that may follow."""
    next: dict[int, Place] = field(default_factory=dict)


class WordStep(NamedTuple):
    """A word of a reading, and which of its units are it."""

    arc: Arc
    first: int
    last: int


class SentenceReading(NamedTuple):
    """A sentence that units spell, or begin to."""

    template: int
    steps: tuple[WordStep, ...]
    missing: tuple[str, ...]
    """Words that would make it whole; empty where it is."""
    last: tuple[Mark, ...]
    """What is to be noted at its end."""


class SentenceGraph:
    """Immutable to those who use it; it grows inside where searches go. One search at a time."""

    def __init__(self, templates: Sequence[WordArcs], spell: Spell, skip_words: Sequence[str] = ()) -> None:
        """`skip_words` may be said between any two words."""
        self._templates = templates
        self._spell = spell
        self._skip_words = skip_words
        self._roots: dict[tuple[int, State], UnitNode] = {}
        self._places: dict[frozenset[UnitNode], Place] = {}
        self.root = self._place(self._root(number, arcs.start) for number, arcs in enumerate(templates))
        """Nothing said yet."""

    def step(self, place: Place, token: int) -> Place:
        """Where one of `place.tokens` leads."""
        known = place.next.get(token)
        if known is None:
            known = place.next[token] = self._place(self.behind(place.nodes, token))
        return known

    def forget(self) -> None:
        """Between two sentences: let go of places where there are very many."""
        if len(self._places) > MOST_PLACES:
            self._places.clear()
            self.root.next.clear()

    def read(self, tokens: Sequence[int]) -> SentenceReading | None:
        """The first template that units spell, else the first that they begin; None where there is none."""
        heads: dict[UnitNode, tuple[tuple[WordStep, ...], int]] = dict.fromkeys(self.root.nodes, ((), 0))
        for index, token in enumerate(tokens):
            on: dict[UnitNode, tuple[tuple[WordStep, ...], int]] = {}
            for node, (steps, first) in heads.items():
                child = node.children.get(token)
                if child is None:
                    continue
                on.setdefault(child, (steps, first))
                for arc in child.ends:
                    after = (*steps, WordStep(arc, first, index))
                    on.setdefault(self._root(child.template, arc.target), (after, index + 1))
            heads = on
        readings = [self._whole(node, steps) for node, (steps, first) in heads.items() if first == len(tokens)]
        whole = next((reading for reading in readings if not reading.missing), None)
        if whole or readings:
            return whole or readings[0]
        return next((self._whole(node, steps) for node, (steps, _) in heads.items()), None)

    def _whole(self, node: UnitNode, steps: tuple[WordStep, ...]) -> SentenceReading:
        """A reading, with the fewest words that complete it."""
        template = self._templates[node.template]
        waiting: deque[tuple[State, tuple[str, ...]]] = deque()
        if self._roots.get((node.template, node.state)) is node:
            waiting.append((node.state, ()))
        else:
            waiting += [(arc.target, (arc.word,)) for arc in words_below(node)]
        seen = set()
        while waiting:
            state, words = waiting.popleft()
            if state in template.finals:
                return SentenceReading(node.template, steps, words, template.finals[state])
            if state not in seen:
                seen.add(state)
                waiting += [(arc.target, (*words, arc.word)) for arc in template.arcs[state]]
        return SentenceReading(node.template, steps, (), ())

    def _root(self, template: int, state: State) -> UnitNode:
        """The trie of all words that may be said from a state."""
        key = (template, state)
        root = self._roots.get(key)
        if root is None:
            root = self._roots[key] = UnitNode(template, state)
            skipped = (Arc(word, state, (), ()) for word in self._skip_words)
            for arc in (*self._templates[template].arcs[state], *skipped):
                for units in self._spell(arc.word):
                    node = root
                    for unit in units:
                        node = node.children.setdefault(unit, UnitNode(template, state))
                    node.ends.append(arc)
        return root

    def behind(self, nodes: Sequence[UnitNode], token: int) -> Iterator[UnitNode]:
        """What a unit leads to, and where whole words end there what may follow them."""
        for node in nodes:
            child = node.children.get(token)
            if child is not None:
                yield child
                yield from (self._root(child.template, arc.target) for arc in child.ends)

    def _place(self, nodes: Iterator[UnitNode]) -> Place:
        """In the order of the templates; the same nodes are the same place."""
        listed = tuple(dict.fromkeys(nodes))
        known = self._places.get(frozenset(listed))
        if known is None:
            final = any(
                self._roots.get((node.template, node.state)) is node
                and node.state in self._templates[node.template].finals
                for node in listed
            )
            tokens = sorted({token for node in listed for token in node.children})
            known = self._places[frozenset(listed)] = Place(listed, final, np.array(tokens, np.intp))
        return known


def words_below(node: UnitNode) -> Iterator[Arc]:
    """Words that begin with a node, nearest first."""
    waiting = deque([node])
    while waiting:
        here = waiting.popleft()
        yield from here.ends
        waiting += here.children.values()
