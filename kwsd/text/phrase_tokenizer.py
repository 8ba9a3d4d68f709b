"""What the search needs to know of a tokenizer, so that it need not know which kind (BPE, phones) a model has."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from kwsd.units import WORD_START

PHONE_MARK = "/"
"""Phones stand between two of them: `hey /Z OW L W/`."""


def is_ready_made(text: str) -> bool:
    """Whether units of the model stand in a text (`▁HEY`, `/Z OW/`), so that nothing but the text itself will do."""
    return text.startswith(WORD_START) or PHONE_MARK in text


class PhraseTokenizer(Protocol):
    """Text to token ids of one model, and back. `kwsd.acoustic` has one for BPE and one for phones."""

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """Ids of every way to write a phrase in units, the usual one first; ready-made units where `is_ready_made`.

        Raises:
            ValueError: before the first, a part of the text is not in the vocabulary; the message names it.
        """

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Text of each id."""

    def is_word_start(self, token: int) -> bool:
        """Whether a new word may begin with this token; always where the vocabulary does not tell."""
