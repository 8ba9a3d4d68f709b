"""What a template may be made of, and how many sentences that is. Shared parts are shared objects."""

from __future__ import annotations

from math import factorial
from typing import Any

from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """Words and the blanks between them; without a blank at its edge it is part of a neighbour's word: `light[s]`."""

    text: str
    line: int
    """Where it stands in the file."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One after the other."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OneOf:
    """One of them."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class AnyOrder:
    """All of them, in any order."""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """What is said in here is the value of a slot."""

    name: str
    item: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Valued:
    """Whoever says this means `value`; of numbers, the sum of those in a slot."""

    value: Any
    item: Expression
    adds: bool = False


BEYOND = 10**18
"""More are counted as so many: rules that double each other soon make a number that takes minutes to write."""

Expression = Wording | Series | OneOf | AnyOrder | Slot | Valued


class Sizes:
    """Sentences and arcs of expressions, each computed once: parts may be shared many times over."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int]] = {}

    def of(self, expression: Expression) -> tuple[int, int]:
        """How many sentences it stands for, and about how many arcs its graph has."""
        known = self._known.get(id(expression))
        if known is None:
            known = self._known[id(expression)] = self.count(expression)
        return known

    def count(self, expression: Expression) -> tuple[int, int]:
        """The same, not looked up."""
        if isinstance(expression, Wording):
            return 1, 1 + len(expression.text.split())
        if isinstance(expression, Slot | Valued):
            sentences, arcs = self.of(expression.item)
            number = isinstance(expression, Valued) and expression.adds  # one value, however it is read out
            return 1 if number else sentences, arcs + 2
        parts = [self.of(item) for item in expression.items]
        arcs = 1 + sum(arcs for _, arcs in parts)
        if isinstance(expression, OneOf):
            return min(BEYOND, sum(sentences for sentences, _ in parts)), arcs
        product = 1
        for sentences, _ in parts:
            product = min(BEYOND, product * sentences)
        if isinstance(expression, AnyOrder):
            return min(BEYOND, product * factorial(len(parts))), arcs * 2 ** max(0, len(parts) - 1)
        return product, arcs
