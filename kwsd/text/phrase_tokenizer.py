"""What the search needs to know of a tokenizer, so that it need not know which kind (BPE, phones) a model has."""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from kwsd.text.foreign import foreign_notation
from kwsd.units import WORD_START

PHONE_MARK = "/"
"""Phones stand between two of them: `hey /Z OW L W/`."""


def is_ready_made(text: str) -> bool:
    """Whether units stand in a text (`▁HEY`, `/Z OW/`, those of another engine): nothing but the text itself will do.

    A slash inside of a word (1/2, AC/DC) begins no phones.
    """
    return text.startswith(WORD_START) or _PHONES.search(text) is not None or bool(foreign_notation(text))


_PHONES = re.compile(rf"(?<!\S){PHONE_MARK}|{PHONE_MARK}(?!\S)")


class PhraseTokenizer(Protocol):
    """Text to token ids of one model, and back. `kwsd.acoustic` has one for BPE and one for phones."""

    @property
    def fingerprint(self) -> str:
        """Equal where everything is written alike; empty where that cannot be told."""

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """Ids of every way to write a phrase in units, the usual one first; ready-made units where `is_ready_made`.

        Raises:
            ValueError: before the first, a part of the text is not in the vocabulary; the message names it.
        """

    def knows(self, word: str) -> bool:
        """Whether it is sure how a word sounds; always where units are pieces of words."""

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Text of each id."""

    def is_word_start(self, token: int) -> bool:
        """Whether a new word may begin with this token; always where the vocabulary does not tell."""
