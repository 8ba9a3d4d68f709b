"""A range of numbers → how they are said. Thousands share what follows them: a million take no more than two."""

from __future__ import annotations

from kwsd.sentences.expressions import Expression, OneOf, Series, Valued, Wording
from kwsd.text.numerals import readings

HIGHEST = 999_999
MOST_STEPPED = 10_000
_THOUSAND = 1_000


def said(first: int, last: int, step: int, line: int) -> Expression:
    """Every number from `first` to `last`, each worth itself.

    Raises:
        ValueError: there is none, or they are too many or too large to be said; the message says what to change.
    """
    if step < 1:
        raise ValueError(f"{first}..{last} with steps of {step}; write a step of 1 or more")
    if first > last:
        raise ValueError(f"{first}..{last} has no number in it; write the lower one first")
    if max(abs(first), abs(last)) > HIGHEST:
        raise ValueError(f"{first}..{last} is beyond {HIGHEST}; write a smaller range")
    if step > 1 and (last - first) // step > MOST_STEPPED:
        raise ValueError(f"{first}..{last} has more than {MOST_STEPPED} steps; write a larger step or a smaller range")
    below = [
        Valued(number, _spoken(-number, line, "minus "), adds=True) for number in range(first, min(last + 1, 0), step)
    ]
    start = first if first >= 0 else first + -(first // step) * step
    above = _stepped(start, last, step, line) if step > 1 else every(max(first, 0), last, line)
    return OneOf((*below, *above))


def _stepped(first: int, last: int, step: int, line: int) -> list[Expression]:
    return [Valued(number, _spoken(number, line), adds=True) for number in range(first, last + 1, step)]


def every(first: int, last: int, line: int) -> list[Expression]:
    """All numbers; those of one thousand that is whole share what is said behind it with all others."""
    if last < _THOUSAND:
        return _stepped(first, last, 1, line)
    found: list[Expression] = list(_stepped(first, _THOUSAND - 1, 1, line)) if first < _THOUSAND else []
    heads: dict[tuple[int, int], list[Expression]] = {}
    for thousands in range(max(1, first // _THOUSAND), last // _THOUSAND + 1):
        rest = max(0, first - thousands * _THOUSAND), min(_THOUSAND - 1, last - thousands * _THOUSAND)
        head = Valued(thousands * _THOUSAND, _spoken(thousands, line), adds=True)
        heads.setdefault(rest, []).append(head)
    for (low, high), begun in heads.items():
        behind = OneOf(tuple(behind_thousands(max(1, low), high, line)))
        found.append(Series((OneOf(tuple(begun)), Wording(" thousand ", line), behind)))  # blanks where paths meet
        found += [Series((OneOf(tuple(begun)), Wording(" thousand", line)))] if low == 0 else []
    return found


def behind_thousands(first: int, last: int, line: int) -> list[Expression]:
    """`five` and, as many say, `and five`."""
    some = _stepped(first, last, 1, line)
    small = _stepped(first, min(last, 99), 1, line)
    return [*some, *(Series((Wording("and ", line), each)) for each in small)]


def _spoken(number: int, line: int, before: str = "") -> Expression:
    return OneOf(tuple(Wording(before + way.lower(), line) for way in dict.fromkeys(readings(str(number)))))
