"""What a model cannot write is taken out of lists of values, and the rest of the list stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from kwsd.sentences.expressions import Expression, OneOf, Slot, Valued, Wording
from kwsd.sentences.lowering import SentenceMistakeError
from kwsd.sentences.words import WordArcs


class Pruning:
    """For any number of templates: parts that they share are looked at once, and stay shared."""

    def __init__(self, check: Callable[[WordArcs], None]) -> None:
        """`check` raises SentenceMistakeError where one of the words cannot be written."""
        self._check = check
        self._known: dict[int, tuple[Expression, Expression]] = {}
        self.mistakes: list[SentenceMistakeError] = []
        """Of the values that were taken out."""

    def of(self, expression: Expression) -> Expression:
        """The same, or one with shorter lists; a list of which nothing would be left stays."""
        if id(expression) not in self._known:
            self._known[id(expression)] = expression, self.pruned(expression)
        return self._known[id(expression)][1]

    def pruned(self, expression: Expression) -> Expression:
        """The same, not looked up."""
        if isinstance(expression, Wording) or (isinstance(expression, Valued) and expression.adds):
            return expression
        if isinstance(expression, Slot | Valued):
            item = self.of(expression.item)
            return expression if item is expression.item else replace(expression, item=item)
        items = tuple(self.of(item) for item in expression.items)
        if isinstance(expression, OneOf):
            items = self.usable(items)
        return expression if items == expression.items else replace(expression, items=items)

    def usable(self, items: tuple[Expression, ...]) -> tuple[Expression, ...]:
        """Without values that cannot be written, unless none can be."""
        kept, mistakes = [], []
        for item in items:
            try:
                if isinstance(item, Valued) and not item.adds:
                    self._check(WordArcs(item))
            except SentenceMistakeError as mistake:
                mistakes.append(mistake)
            else:
                kept.append(item)
        if not kept:
            return items
        self.mistakes += mistakes
        return tuple(kept)
