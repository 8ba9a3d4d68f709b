"""Expressions → arcs of words: which word may follow from where, and which slots begin and end around it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from kwsd.sentences.expressions import AnyOrder, Expression, OneOf, Series, Slot, Wording
from kwsd.sentences.lowering import SentenceMistakeError

MOST_GLUED = 100_000  # arcs from one place; only parts without a blank between them multiply
END = 0
"""The state in which every sentence ends."""

State = int


class Mark(NamedTuple):
    """Something that is not said."""

    kind: Literal["open", "close", "value", "add"]
    value: Any = None


class Arc(NamedTuple):
    """A word."""

    word: str
    target: State
    before: tuple[Mark, ...]
    after: tuple[Mark, ...]


class WordArcs:
    """The graph of one expression. A state is a place between two words."""

    def __init__(self, expression: Expression) -> None:
        """Raises SentenceMistakeError: parts that touch without a blank make too many words."""
        self._edges: list[list[tuple[Any, State]]] = [[]]  # label: None, a Mark, a blank, or part of a word
        self._lines: dict[str, int] = {}
        self.start = self._build(expression, END)
        self.arcs: dict[State, list[Arc]] = {}
        """From every state that can be reached."""
        self.finals: dict[State, tuple[Mark, ...]] = {}
        """States in which the sentence may end, and what is to be noted then."""
        waiting = [self.start]
        while waiting:
            state = waiting.pop()
            if state not in self.arcs:
                self.arcs[state] = list(self.words_from(state))
                waiting += {arc.target for arc in self.arcs[state]}
        del self._edges

    @property
    def words(self) -> Iterator[str]:
        """Every word, as often as it stands there."""
        return (arc.word for arcs in self.arcs.values() for arc in arcs)

    def line_of(self, word: str) -> int:
        """Where a word, or what it is made of, stands; 0 where it cannot be told."""
        return self._lines.get(word, 0)

    def _build(self, expression: Expression, end: State) -> State:
        """Edges for an expression which lead to `end` → where they begin."""
        if isinstance(expression, Wording):
            for part in reversed(parts(expression.text)):
                self._lines.setdefault(part, expression.line)
                end = self._edge(part, end)
            return end
        if isinstance(expression, Series):
            for item in reversed(expression.items):
                end = self._build(item, end)
            return end
        if isinstance(expression, OneOf):
            starts = [self._build(item, end) for item in expression.items]
            self._edges.append([(None, start) for start in starts])
            return len(self._edges) - 1
        if isinstance(expression, AnyOrder):
            return self.build_any_order(expression, end)
        if isinstance(expression, Slot):
            closed = self._edge(Mark("close"), end)
            return self._edge(Mark("open", expression.name), self._build(expression.item, closed))
        mark = Mark("add" if expression.adds else "value", expression.value)
        return self._edge(mark, self._build(expression.item, end))

    def build_any_order(self, expression: AnyOrder, end: State) -> State:
        """One state for each set of items that is yet to be said."""
        whole = (1 << len(expression.items)) - 1
        starts = {0: end}
        for left in range(1, whole + 1):
            ways = []
            for number, item in enumerate(expression.items):
                if left & (1 << number):
                    ways.append((None, self._build(item, self._edge(" ", starts[left & ~(1 << number)]))))
            self._edges.append(ways)
            starts[left] = len(self._edges) - 1
        return self._edge(" ", starts[whole])

    def _edge(self, label: Any, end: State) -> State:
        self._edges.append([(label, end)])
        return len(self._edges) - 1

    def words_from(self, start: State) -> Iterator[Arc]:
        """Depth first to the next blank, by all ways; what ends here without a word makes `start` final."""
        waiting: list[tuple[State, str, tuple[Mark, ...], tuple[Mark, ...]]] = [(start, "", (), ())]
        seen = set()
        while waiting:
            here = waiting.pop()
            state, word, before, after = here
            key = (state, word, before and repr(before), after and repr(after))
            if key in seen:
                continue
            seen.add(key)
            if len(seen) > MOST_GLUED:
                raise SentenceMistakeError("too many words come of parts that touch; write a blank between them")
            if state == END:
                if word:
                    yield Arc(word, END, before, after)
                else:
                    self.finals[start] = before
            for label, target in reversed(self._edges[state]):
                if label == " " and word:
                    yield Arc(word, target, before, after)
                elif label is None or label == " ":
                    waiting.append((target, word, before, after))
                elif isinstance(label, Mark):
                    waiting.append(
                        (target, word, before, (*after, label)) if word else (target, word, (*before, label), after)
                    )
                else:
                    waiting.append((target, word + label, before, after))


def parts(text: str) -> list[str]:
    """`turn on ` → `turn`, blank, `on`, blank."""
    parts = []
    for number, word in enumerate(text.replace("\t", " ").replace("\n", " ").split(" ")):
        parts += [" "] if number else []
        parts += [word] if word else []
    return parts
