"""What the search needs to know of a tokenizer, so that it need not know which kind (BPE, phones) a model has."""

from collections.abc import Iterable
from typing import Protocol

PIECE_START = "▁"
"""U+2581: a text that starts with it is ready-made pieces, not a phrase."""


class PhraseTokenizer(Protocol):
    """Text to token ids of one model, and back. `kwsd.acoustic.tokenizer.Tokenizer` is the one for BPE."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a phrase, or of ready-made pieces where the text starts with `▁`.

        Raises:
            ValueError: a part of the text is not in the vocabulary; the message names it.
        """

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Text of each id."""

    def is_word_start(self, token: int) -> bool:
        """Whether a new word begins with this token."""
