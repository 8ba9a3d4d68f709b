"""Phrases written in another engine's units: recognised, so that nobody waits for letters that nobody says."""

import re
import unicodedata
from itertools import pairwise

from kwsd.units import WORD_START

_VOWELS = frozenset(re.findall("[A-Z]+", "AA AE AH AO AW AX AXR AY EH ER EY IH IY OW OY UH UW"))
_CONSONANTS = frozenset(re.findall("[A-Z]+", "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH"))
_LONGEST_PHONE = len("AXR0")
_STRESSED = re.compile(r"[A-Z]+[012]?")
_INITIALS = frozenset(re.findall("[a-z]+", "b p m f d t n l g k h j q x zh ch sh r z c s y w"))
_TONES = frozenset("\u0304\u0301\u030c\u0300")  # macron, acute, caron, grave


def foreign_notation(text: str) -> str:
    """What the units of a text are and what to write instead; empty where they are words."""
    words = text.split()
    plain = {word.rstrip("012") for word in words}
    if (
        len(words) > 1  # a lone AH is a word
        and len(max(words, key=len)) <= _LONGEST_PHONE
        and all(map(_STRESSED.fullmatch, words))
        and plain <= _VOWELS | _CONSONANTS
        and not _VOWELS.isdisjoint(plain)  # `B M W` and `T V` are letters
    ):
        return (
            "looks like phones, not words; write the words, or each word's phones between slashes: "
            f"/{' '.join(words[:3])} …/"
        )
    if any(
        first in _INITIALS and not _TONES.isdisjoint(unicodedata.normalize("NFD", second))
        for first, second in pairwise(words)
    ):
        return "looks like pinyin cut into sounds, for another engine's model; write the words"
    if text.startswith("_") and len(words) > 1:
        return f"looks like pieces of words with _ for {WORD_START}; write the words"
    return ""
