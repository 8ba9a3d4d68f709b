"""How words sound, in phones: a dictionary, rules for what it lacks, and a network for words that it never had."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from itertools import chain, islice, product
from pathlib import Path
from typing import Self

from kwsd.errors import ModelError
from kwsd.small_files import read_small, unpack
from kwsd.text.known_words import KnownWords
from kwsd.text.letter_network import LetterNetwork
from kwsd.text.letter_sounds import LARGEST_UNPACKED_BYTES, LetterSounds
from kwsd.text.letters import is_sign, latin, remedy

LEXICON = "lexicon.txt.gz"
LETTER_SOUNDS = "letter_sounds.gz"
KNOWN_WORDS = "known_words.bloom"
LETTER_NETWORK = "letter_network.npz"
MOST_PRONUNCIATIONS = 4
"""Of one word; the dictionary has more for a handful of words only."""
MOST_READINGS = 8
"""Of a word that no dictionary has."""
READ_WHOLE = 5
"""Of those the network's at most; the others are the tree's, which errs elsewhere."""
CACHED_WORDS = 4096
LONG_PHONES = 5
"""Of a word that is read by its letters, from where on it is looked for in several readings; shorter ones come about by
chance: JOKE in four readings was heard eleven times in an hour of other speech."""

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ'")
_VOWELS = frozenset("AEIOUY")
_TYPED = str.maketrans({"’": "'", "‘": "'", "`": "'", "‐": "-", "‑": "-", "–": "-"})
_LONGEST_ACRONYM = 5

Phones = tuple[str, ...]

ENDINGS: dict[str, Phones] = {
    **dict.fromkeys(("S", "Z", "SH", "ZH", "CH", "JH"), ("IH", "Z")),
    **dict.fromkeys(("P", "T", "K", "F", "TH"), ("S",)),
}
"""The sound of a possessive S behind these; behind others it is Z."""


class Lexicon:
    """Words to phones. Immutable but for a cache.

    The dictionary holds only words whose sound the rules below it would get wrong, or which have several.
    """

    def __init__(self, lines: bytes, letter_sounds: LetterSounds, network: LetterNetwork | None = None) -> None:
        """Make one from lines `WORD<tab>phones` sorted by word, the usual pronunciation first."""
        self._lines = lines
        self._letter_sounds, self._network = letter_sounds, network
        self._of_plain_word = lru_cache(maxsize=CACHED_WORDS)(self._look_up)

    @classmethod
    def load(cls, model_directory: Path) -> Self:
        """Read `lexicon.txt.gz` and `letter_sounds.gz` of a model directory, and what it has for unknown words.

        Raises:
            ModelError: a file is missing or broken.
        """
        path = model_directory / LEXICON
        try:
            lines = unpack(read_small(path), LARGEST_UNPACKED_BYTES)
            lines.decode("ascii")
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read ({error}); fetch the model again") from error
        if not lines.endswith(b"\n"):
            raise ModelError(f"{path}: breaks off in its last line; fetch the model again")
        network, known = model_directory / LETTER_NETWORK, model_directory / KNOWN_WORDS
        letters = LetterNetwork(network, KnownWords.read(known)) if network.exists() else None
        return cls(lines, LetterSounds.read(model_directory / LETTER_SOUNDS), letters)

    @property
    def fingerprint(self) -> str:
        """Of the dictionary and of the letters' sounds. Raises ModelError: the network cannot be read."""
        letters, network = self._letter_sounds, self._network.fingerprint if self._network else ""
        tree = (letters.keys, letters.chosen, letters.child_counts)
        return sha256(b"\n".join((self._lines, repr(letters.sounds).encode(), *tree, network.encode()))).hexdigest()

    def pronunciations(self, word: str) -> tuple[Phones, ...]:
        """How a word may be said, the usual way first: at most `MOST_PRONUNCIATIONS`, `MOST_READINGS` if unknown.

        Case does not matter, accents are taken off, and the parts of a word with hyphens are looked up one by one.

        Raises:
            ValueError: something in the word is no letter; the message names it and the remedy.
        """
        parts = [part for part in _plain(word).split("-") if part.strip("'")]
        strange = [sign for sign in dict.fromkeys(word) if is_sign(sign) or set(_plain(sign)) - _LETTERS - {"-"}]
        if strange:
            signs = [character for character in strange if character not in "0123456789"] or strange
            named = ", ".join(f'"{character}"' for character in signs)
            hint = remedy(word, signs) or "write it with the letters A to Z, or give its phones"
            raise ValueError(f'"{word}" has {named}, which has no English sound; {hint}')
        if not parts:
            raise ValueError(f'"{word}" has no letters to pronounce')
        if len(parts) == 1:
            return self._of_plain_word(parts[0])
        combinations = product(*map(self._of_plain_word, parts))
        return tuple(tuple(chain(*phones)) for phones in islice(combinations, MOST_PRONUNCIATIONS))

    def knows(self, word: str) -> bool:
        """Whether the dictionary has a word of capitals; of each one where what it has was not kept."""
        return self._network is None or word in self._network.known

    def _look_up(self, word: str) -> tuple[Phones, ...]:
        """As listed, else its stem and ending, its letters one by one, or the sounds that letters have."""
        listed = tuple(dict.fromkeys(tuple(phones.decode().split()) for phones in _listed(self._lines, word)))
        if listed:
            return listed[:MOST_PRONUNCIATIONS]
        if word.strip("'") != word:
            return self._of_plain_word(word.strip("'"))
        if word.endswith("'S"):
            stems = self._of_plain_word(word.removesuffix("'S"))
            return tuple((*phones, *ENDINGS.get(phones[-1], ("Z",))) for phones in stems)
        if len(word) == 1 or (len(word) <= _LONGEST_ACRONYM and not _VOWELS & set(word)):
            return self._letter_by_letter(word)
        network = self._network
        if network is None or self.knows(word):
            readings = self._letter_sounds.readings(word, MOST_PRONUNCIATIONS)
        else:
            whole, letters = network.readings(word, READ_WHOLE), self._letter_sounds.readings(word, MOST_READINGS)
            readings = tuple(dict.fromkeys((*whole, *letters)))[:MOST_READINGS]
        if not readings:
            return self._letter_by_letter(word)
        return readings if len(readings[0]) >= LONG_PHONES else readings[:1]

    def _letter_by_letter(self, word: str) -> tuple[Phones, ...]:
        letters = [letter for letter in word if letter != "'"]
        return (tuple(chain.from_iterable(LETTER_NAMES[letter] for letter in letters)),)


def _plain(word: str) -> str:
    """Capitals without accents, typewriter quotes and hyphens."""
    return latin(word).translate(_TYPED)


def _listed(lines: bytes, word: str) -> Iterator[bytes]:
    """What stands behind a word in sorted lines; nothing where it is not among them."""
    wanted = word.encode("ascii") + b"\t"

    def beginning(position: int) -> bytes:
        """Of the line around a position, as much as is compared."""
        start = lines.rfind(b"\n", 0, position) + 1
        return lines[start : start + len(wanted)]

    start = bisect_left(range(len(lines)), wanted, key=beginning)
    while lines.startswith(wanted, start):
        end = lines.find(b"\n", start)
        yield lines[start + len(wanted) : end]
        start = end + 1


LETTER_NAMES: dict[str, Phones] = {
    letter: tuple(name.split())
    for letter, name in {
        "A": "EY",
        "B": "B IY",
        "C": "S IY",
        "D": "D IY",
        "E": "IY",
        "F": "EH F",
        "G": "JH IY",
        "H": "EY CH",
        "I": "AY",
        "J": "JH EY",
        "K": "K EY",
        "L": "EH L",
        "M": "EH M",
        "N": "EH N",
        "O": "OW",
        "P": "P IY",
        "Q": "K Y UW",
        "R": "AA R",
        "S": "EH S",
        "T": "T IY",
        "U": "Y UW",
        "V": "V IY",
        "W": "D AH B AX L Y UW",
        "X": "EH K S",
        "Y": "W AY",
        "Z": "Z IY",
    }.items()
}
"""What the letters are called, for abbreviations that nobody can read as a word."""
