"""Texts made alike, so that word errors are of words."""

import re

from kwsd.text.numerals import readings

_WORD = re.compile(r"[A-Z0-9']+")


def normal(text: str) -> str:
    """Capitals without punctuation, numbers as words."""
    words = _WORD.findall(text.upper().replace("’", "'").replace("-", " "))
    return " ".join(readings(word)[0] if readings(word) else word for word in words)
