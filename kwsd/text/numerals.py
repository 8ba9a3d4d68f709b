"""Digits to English number words: a vocabulary of letters cannot write `20`."""

import re
from itertools import chain

_DIGITS = ("ZERO", "ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE")
_TEENS = (
    "TEN",
    "ELEVEN",
    "TWELVE",
    *(f"{stem}TEEN" for stem in ("THIR", "FOUR", "FIF", "SIX", "SEVEN", "EIGH", "NINE")),
)
_SMALL = (*_DIGITS, *_TEENS)
_TENS = ("", "", *(f"{stem}TY" for stem in ("TWEN", "THIR", "FOR", "FIF", "SIX", "SEVEN", "EIGH", "NINE")))
_GROUPS = ("", "THOUSAND", "MILLION", "BILLION")
_ORDINAL = {
    "ONE": "FIRST",
    "TWO": "SECOND",
    "THREE": "THIRD",
    "FIVE": "FIFTH",
    "EIGHT": "EIGHTH",
    "NINE": "NINTH",
    "TWELVE": "TWELFTH",
}
_ORDINAL_DIGITS = re.compile(r"([0-9]+)(?:ST|ND|RD|TH)")
_GROUPED_DIGITS = re.compile(r"(?<=[0-9]),(?=[0-9]{3})")
_SIGNED_DIGITS = re.compile(r"([-−$€£¥]+)([0-9].*)")
_CURRENCIES = {"$": "DOLLARS", "€": "EUROS", "£": "POUNDS", "¥": "YEN"}
_SIGNS_BEHIND = {"%": "PERCENT", "°": "DEGREES", **_CURRENCIES}
_FRACTION = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")
_PARTS = {2: ("HALF", "HALVES"), 4: ("QUARTER", "QUARTERS")}
_LETTERS_BEHIND_DIGITS = re.compile(r"(?<=[0-9])[A-Z]{2,4}(?![A-Z])")
_CODES = range(100, 10_000)  # may be a room or a channel, read digit by digit
_YEARS = (range(1100, 2000), range(2010, 2100))  # said in two halves
_LONGEST = 3 * len(_GROUPS)  # digits read as one number; longer ones are read digit by digit


def readings(word: str) -> tuple[str, ...]:
    """How a word with digits may be said, likeliest first; none where it has no digits.

    It may be like 1984, 21ST, 3.5, 5:30, 50% or MP3.
    """
    word = _GROUPED_DIGITS.sub("", word)
    if not any("0" <= character <= "9" for character in word):
        return ()
    ordinal = _ORDINAL_DIGITS.fullmatch(word)
    if ordinal and len(ordinal[1]) <= _LONGEST:
        return (_ordinal(int(ordinal[1])),)
    if word.isdecimal() and word.isascii():
        return _readings_of_digits(word)
    signed, fraction = _SIGNED_DIGITS.fullmatch(word), _FRACTION.fullmatch(word)
    if signed:
        before = ["MINUS" for sign in signed[1] if sign not in _CURRENCIES]  # -$5: MINUS FIVE DOLLARS
        behind = [_CURRENCIES[sign] for sign in signed[1] if sign in _CURRENCIES]
        return tuple(" ".join([*before, reading, *behind]) for reading in readings(signed[2]))
    if fraction:
        return (_fraction(int(fraction[1]), int(fraction[2])),)
    spelt = _LETTERS_BEHIND_DIGITS.sub(lambda letters: " ".join(letters[0]), word)
    return tuple(dict.fromkeys(" ".join(_read_mixed(each)) for each in (spelt, word)))


def _fraction(above: int, below: int) -> str:
    """1/2 → ONE HALF, 3/4 → THREE QUARTERS, 24/7 → TWENTY FOUR SEVEN."""
    if not 0 < above < below:
        return f"{_cardinal(above)} {_cardinal(below)}"
    one, several = _PARTS.get(below, (_ordinal(below), f"{_ordinal(below)}S"))
    return f"{_cardinal(above)} {one if above == 1 else several}"


def _readings_of_digits(digits: str) -> tuple[str, ...]:
    if len(digits) > _LONGEST or (digits[0] == "0" and len(digits) > 1):
        return _by_digit(digits)
    number = int(digits)
    rest = number % 100
    british = (f"{_cardinal(number - rest)} AND {_cardinal(rest)}",) if rest and number > rest else ()
    return (*_as_year(number), _cardinal(number), *british, *(_by_digit(digits) if number in _CODES else ()))


def _by_digit(digits: str) -> tuple[str, ...]:
    """ONE ZERO ONE, and ONE OH ONE."""
    words = " ".join(_DIGITS[int(digit)] for digit in digits)
    return tuple(dict.fromkeys([words, words.replace("ZERO", "OH")]))


def _read_mixed(word: str) -> list[str]:
    """`MP3` → MP THREE, `3.5`, `3,5` → THREE POINT FIVE, `5:30` → FIVE THIRTY, `5€` → FIVE EUROS."""
    words: list[str] = []
    after_point = False
    for part in re.findall(r"[0-9]+|[%°$€£¥]|(?<=[0-9])[.,](?=[0-9])|[^0-9%°$€£¥.:]+", word):
        if part in {".", ","}:
            words.append("POINT")
        elif part in _SIGNS_BEHIND:
            words.append(_SIGNS_BEHIND[part])
        elif part.isdecimal() and part.isascii():
            words.append(" ".join(_SMALL[int(d)] for d in part) if after_point else _readings_of_digits(part)[0])
        else:
            words.append(part)
        after_point = part in {".", ","}
    return words


def _cardinal(number: int) -> str:
    if number == 0:
        return _SMALL[0]
    groups: list[list[str]] = []
    while number:
        number, group = divmod(number, 1000)
        hundreds, rest = divmod(group, 100)
        words = [_SMALL[hundreds], "HUNDRED"] if hundreds else []
        if rest >= len(_SMALL):
            tens, rest = divmod(rest, 10)
            words.append(_TENS[tens])
        if rest:
            words.append(_SMALL[rest])
        groups.append([*words, _GROUPS[len(groups)]] if group else [])
    return " ".join(filter(None, chain.from_iterable(reversed(groups))))


def _as_year(number: int) -> tuple[str, ...]:
    """1984 → NINETEEN EIGHTY FOUR, 1905 → NINETEEN OH FIVE, 1900 → NINETEEN HUNDRED."""
    if not any(number in years for years in _YEARS):
        return ()
    century, rest = divmod(number, 100)
    if rest == 0:
        return (f"{_cardinal(century)} HUNDRED",)
    return (f"{_cardinal(century)} {'OH ' if rest in range(10) else ''}{_cardinal(rest)}",)


def _ordinal(number: int) -> str:
    *before, last = _cardinal(number).split()
    if last in _ORDINAL:
        last = _ORDINAL[last]
    elif last.endswith("Y"):
        last = f"{last[:-1]}IETH"
    else:
        last = f"{last}TH"
    return " ".join([*before, last])
