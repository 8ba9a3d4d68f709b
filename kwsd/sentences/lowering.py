"""Parsed templates → expressions: rules and lists put in, blanks kept, and every mistake with its line.

The only importer of hassil.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from kwsd.errors import ConfigError
from kwsd.sentences.expressions import AnyOrder, Expression, OneOf, Series, Slot, Valued, Wording
from kwsd.sentences.lined_yaml import line_of, line_of_key, lined
from kwsd.sentences.numbers import said

Note = Callable[[int, str], None]
"""Tells of a line what is wrong with it, and what to change."""

MOST_IN_ANY_ORDER = 6  # each further item doubles the graph
_RANGE_WITHOUT_SLOT = re.compile(r"-?\d+\.\.-?\d+(,\d+)?")
_SIGNS = {"%": " percent ", "&": " and ", "+": " plus ", "@": " at ", "’": "'", "‘": "'", "°": " degrees "}
_STOPS = re.compile(r"[.,!?;:\"“”…](?=\s|$)")


class SentenceMistakeError(ValueError):
    """What is wrong with a template and what to change; `line` is where, None where its own line is meant."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


class Lowering:
    """The lists and rules that a block of sentences may use; each is made once, however often it is used."""

    def __init__(self, lists: Mapping[str, Any], rules: Mapping[str, Any], note: Note) -> None:
        """As the YAML file has them; values that are left out of a list are noted."""
        self._lists = lists
        self._rules = rules
        self._note = note
        self._made: dict[tuple[str, str], Expression] = {}
        self._open: list[str] = []

    def sentence(self, text: Any, line: int) -> Expression:
        """A template. Raises SentenceMistakeError: it, or a list or rule that it uses, cannot be used."""
        if not isinstance(text, str) or not text.strip():
            raise SentenceMistakeError(
                "a sentence is text, such as `turn on [the] {name}`; quote what YAML takes otherwise", line
            )
        try:
            return self._parsed(text, line)
        except SentenceMistakeError as mistake:
            if not mistake.line:
                mistake.line = line
            raise

    def _parsed(self, text: str, line: int) -> Expression:
        try:
            import hassil  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ConfigError("sentences need hassil: pip install 'kwsd[sentences]'") from error
        from hassil.parser import ParseError  # noqa: PLC0415 - likewise

        try:
            return self._lowered(hassil.parse_sentence(text).expression, line)
        except ParseError as error:
            why = "a bracket is not opened, or not closed; write its other half"
            raise SentenceMistakeError(f"`{text[:60]}` cannot be parsed: {why}", line) from error
        except (AssertionError, RecursionError) as error:
            why = "brackets in brackets too deep, or empty ones; write fewer, and words in them"
            raise SentenceMistakeError(f"`{text[:60]}` cannot be parsed: {why}", line) from error

    def _lowered(self, parsed: Any, line: int) -> Expression:
        import hassil.expression as hass  # noqa: PLC0415 - an extra

        if isinstance(parsed, hass.TextChunk):
            return Wording(plain(parsed.original_text), line)
        if isinstance(parsed, hass.ListReference):
            return Slot(parsed.slot_name, self.slot_list(parsed, line))
        if isinstance(parsed, hass.RuleReference):
            return self.rule(parsed.rule_name, line)
        items = tuple(self._lowered(item, line) for item in parsed.items)
        if isinstance(parsed, hass.Alternative):
            return OneOf(items)
        if isinstance(parsed, hass.Permutation):
            if len(items) > MOST_IN_ANY_ORDER:
                raise SentenceMistakeError(f"{len(items)} parts in any order; {MOST_IN_ANY_ORDER} are the most", line)
            return AnyOrder(items)
        return Series(items)

    def rule(self, name: str, line: int) -> Expression:
        """What an expansion rule stands for; made once. Raises SentenceMistakeError."""
        if name not in self._rules:
            raise SentenceMistakeError(
                f"there is no rule <{name}>; write it under expansion_rules, or take it out", line
            )
        if f"<{name}>" in self._open:
            way = " → ".join([*self._open[self._open.index(f"<{name}>") :], f"<{name}>"])
            raise SentenceMistakeError(f"{way} goes on for ever; take one of them out", line)
        if ("rule", name) not in self._made:
            body = self._rules[name]
            self._open.append(f"<{name}>")
            try:
                own_line = line_of(body, line_of_key(self._rules, name, line))
                if not isinstance(body, str) or not body.strip():
                    raise SentenceMistakeError(f"rule <{name}> is no text; write what it stands for", own_line)
                self._made["rule", name] = self._parsed(body, own_line)
            finally:
                self._open.pop()
        return self._made["rule", name]

    def slot_list(self, reference: Any, line: int) -> Expression:
        """What may be said for a list; made once. Raises SentenceMistakeError."""
        name = reference.list_name
        if reference.is_inline_range:
            first, last, step = reference.get_inline_range()
            try:
                return said(first, last, step, line)
            except ValueError as error:
                raise SentenceMistakeError(f"{{{name}}}: {error}", line) from error
        if name not in self._lists:
            if _RANGE_WITHOUT_SLOT.fullmatch(name):
                raise SentenceMistakeError(f"{{{name}}} has no slot; write {{{name}:brightness}}", line)
            raise SentenceMistakeError(f"there is no list {{{name}}}; write it under lists, or take it out", line)
        if f"{{{name}}}" in self._open:
            raise SentenceMistakeError(f"list {{{name}}} stands in its own values; take it out of them", line)
        if ("list", name) not in self._made:
            own_line = line_of_key(self._lists, name, line)
            self._open.append(f"{{{name}}}")
            try:
                self._made["list", name] = self.values(name, self._lists[name], own_line)
            finally:
                self._open.pop()
        return self._made["list", name]

    def values(self, name: str, given: Any, line: int) -> Expression:
        """Those that can be said; the others are noted.

        Raises:
            SentenceMistakeError: it is a wildcard, empty, no list, or has no value that can be said.
        """
        if not isinstance(given, dict):
            raise SentenceMistakeError(f"list {{{name}}}: write `values:` or `range:` under it", line)
        if given.get("wildcard"):
            raise SentenceMistakeError(
                f"list {{{name}}} is a wildcard, which only a recogniser of any text can hear; write its `values:`",
                line,
            )
        if given.get("range") is not None:
            return self.number_range(name, given, line)
        values = given.get("values")
        if values is not None and not isinstance(values, list):
            raise SentenceMistakeError(f"list {{{name}}}: `values:` is no list; write each value behind `- `", line)
        if not values:
            raise SentenceMistakeError(
                f"list {{{name}}} is empty; write `values:` and what may be said, or take it out", line
            )
        usable: list[Expression] = []
        mistakes: list[SentenceMistakeError] = []
        for value, own_line in lined(values, line):
            try:
                usable.append(self.value(name, value, own_line))
            except SentenceMistakeError as mistake:
                mistakes.append(mistake)
        if not usable:
            raise mistakes[0]
        for each in mistakes:
            self._note(each.line, str(each))
        return OneOf(tuple(usable))

    def value(self, name: str, value: Any, line: int) -> Expression:
        """One value of a list. Raises SentenceMistakeError."""
        said_as, means = value, value
        if isinstance(value, dict):
            said_as, means = value.get("in"), value.get("out", value.get("in"))
        if isinstance(said_as, int | float) and not isinstance(said_as, bool):
            said_as = str(said_as)
        if not isinstance(said_as, str) or not said_as.strip():
            shown = "a list" if isinstance(said_as, list | dict) else repr(said_as)  # which may hold itself
            raise SentenceMistakeError(
                f"list {{{name}}}: {shown} is no text to YAML; quote it, or write `in:` and `out:`",
                line,
            )
        if not is_told(means):
            raise SentenceMistakeError(
                f"list {{{name}}}: what {plain(said_as)} means is no text, number, true or false; quote it", line
            )
        return Valued(str(means) if isinstance(means, str) else means, self._parsed(said_as, line_of(said_as, line)))

    def number_range(self, name: str, given: Any, line: int) -> Expression:
        """A list that is a range. Raises SentenceMistakeError."""
        if given.get("values") is not None:
            raise SentenceMistakeError(f"list {{{name}}} has `values:` and `range:`; take one of them out", line)
        given = given["range"]
        if not isinstance(given, dict) or not {"from", "to"} <= given.keys():
            raise SentenceMistakeError(f"list {{{name}}}: write `from:` and `to:` under `range:`", line)
        if given.get("fractions") or given.get("multiplier"):
            raise SentenceMistakeError(f"list {{{name}}}: has fractions or a multiplier; write `values:`", line)
        try:
            first, last, step = (int(str(given.get(key, 1))) for key in ("from", "to", "step"))
        except ValueError:
            raise SentenceMistakeError(f"list {{{name}}}: from, to and step are whole numbers", line) from None
        try:
            return said(first, last, step, line)
        except ValueError as error:
            raise SentenceMistakeError(f"list {{{name}}}: {error}", line) from error


def is_told(value: object) -> bool:
    """Whether an event can have it as the value of a slot: a scalar of JSON, which has no date and no infinity."""
    return value is None or isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def plain(text: str) -> str:
    """Text as it is said: signs as words, no punctuation. Blanks at its edges stay."""
    for sign, word in _SIGNS.items():
        text = text.replace(sign, word)
    return _STOPS.sub("", text)
