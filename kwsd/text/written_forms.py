"""Texts that sound like a given one, one change at a time: what a model may write for the same sound."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import takewhile
from pathlib import Path

Words = tuple[str, ...]

SHORTEST_HALF = 3  # letters; with two, ordinary words fall apart (BE FORE, ME DIA)
LONGEST_SAME = 3  # words of the longest entry in written_forms.toml
LETTERS = range(2, 5)  # T V, D V D, H D M I
CACHED_WORDS = 4096
_VOWELS = frozenset("AEIOUY")
_BRITISH_ISE = re.compile(r"(\w{3,}[^CV])IS(E|ES|ED|ING|ER|ERS)")  # not ADVISE, EXERCISE


def one_change(words: Words) -> Iterator[Words]:
    """Every text that differs from `words` in one place and sounds the same."""
    for start, word in enumerate(words):
        for replacement in _forms_of_word(word):
            yield (*words[:start], *replacement, *words[start + 1 :])
        for length, replacement in _forms_of_run(words, start):
            yield (*words[:start], *replacement, *words[start + length :])


@lru_cache(maxsize=CACHED_WORDS)
def _forms_of_word(word: str) -> tuple[Words, ...]:
    """Likeliest kinds first."""
    known = _same_sound().get((word,), ())
    found = list(known)
    if word in _compounds():
        found.append(_compounds()[word])
    else:  # SNOWBOY → SNOW BOY: its halves are both halves of listed ones
        cuts = range(SHORTEST_HALF, len(word) - SHORTEST_HALF + 1)
        found += [(word[:at], word[at:]) for at in cuts if _is_compound(word[:at], word[at:])]
    parts = tuple(filter(None, word.split("-")))
    if len(parts) > 1:  # WI-FI → WI FI, WIFI
        found += [parts, ("".join(parts),)]
    if british := _BRITISH_ISE.fullmatch(word):  # ORGANISE → ORGANIZE; other pairs stand in written_forms.toml
        found.append((f"{british[1]}IZ{british[2]}",))
    if not known and len(word) in LETTERS and word.isalpha() and not _VOWELS & set(word):
        found.append(tuple(word))  # DVD → D V D, where no vowel lets it be a word
    return tuple(found)


def _forms_of_run(words: Words, start: int) -> Iterator[tuple[int, Words]]:
    """What may stand for several words from `start` on: how many of them go, and the words instead."""
    for length in range(2, min(LONGEST_SAME, len(words) - start) + 1):
        for other in _same_sound().get(words[start : start + length], ()):
            yield length, other
    if len(words) > start + 1 and _is_compound(words[start], words[start + 1]):
        yield 2, ("".join(words[start : start + 2]),)
    if start == 0 or len(words[start - 1]) != 1:  # not inside of a row
        letters = len([*takewhile(lambda word: len(word) == 1 and word.isalpha(), words[start:])])
        if letters in LETTERS:
            yield letters, ("".join(words[start : start + letters]),)


def _is_compound(first: str, second: str) -> bool:
    """Whether the two are a listed compound, or each a half of one; the second may be a plural."""
    if _compounds().get(first + second) == (first, second):
        return True
    return first in _halves() and (second in _halves() or second.removesuffix("S") in _halves())


@cache
def _same_sound() -> dict[Words, tuple[Words, ...]]:
    tables = tomllib.loads(_text("written_forms.toml"))
    found: dict[Words, tuple[Words, ...]] = {}
    for group in tables["same"]:
        forms = [tuple(form.split()) for form in group]
        found.update({form: tuple(other for other in forms if other != form) for form in forms})
    found.update({tuple(typed.split()): tuple(tuple(o.split()) for o in others) for typed, *others in tables["also"]})
    return found


@cache
def _compounds() -> dict[str, Words]:
    """SNOWMAN → (SNOW, MAN)."""
    return {first + second: (first, second) for first, second, _ in _listed_compounds()}


@cache
def _halves() -> frozenset[str]:
    """Words that the split rule knows."""
    lent = (half for first, second, lends in _listed_compounds() if lends for half in (first, second))
    return frozenset(half for half in lent if len(half) >= SHORTEST_HALF)


def _listed_compounds() -> Iterator[tuple[str, str, bool]]:
    """First half, second half, and whether the split rule may use them."""
    for line in _text("compounds.txt").splitlines():
        first, _, seconds = line.partition(": ")
        if not line.startswith("#"):
            yield from ((first.removeprefix("="), second, not line.startswith("=")) for second in seconds.split())


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")  # importlib.resources takes 5 ms of a start
