"""Phrases to token ids with the model's own sentencepiece units. The only importer of sentencepiece."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Self

from kwsd.errors import ModelError
from kwsd.small_files import read_small
from kwsd.text.foreign import foreign_notation
from kwsd.text.letters import remedy
from kwsd.text.vocabulary import is_control, read_tokens
from kwsd.units import WORD_START

BPE = "bpe.model"
CACHED_WORDS = 4096  # keyword lists repeat their words; 10 000 lines load four times faster


class Tokenizer:
    """Text to token ids of one model and back. Immutable; implements `kwsd.text.phrase_tokenizer.PhraseTokenizer`."""

    def __init__(self, segment: Callable[[str], list[str]], tokens: tuple[str, ...], fingerprint: str = "") -> None:
        """Make one from a function that cuts text into pieces, and the piece text of every id."""
        self._segment = lru_cache(maxsize=CACHED_WORDS)(segment)
        self.fingerprint = fingerprint
        self._tokens = tokens
        self._ids = {piece: token for token, piece in enumerate(tokens) if not is_control(piece)}

    @classmethod
    def load(cls, model_directory: Path) -> Self:
        """Read `tokens.txt` and `bpe.model` of a model directory.

        The numbering of tokens.txt counts; that of the sentencepiece file may differ.

        Raises:
            ModelError: a file is missing or broken; the message names it.
        """
        import sentencepiece  # noqa: PLC0415 - a heavy import

        tokens, path = read_tokens(model_directory / "tokens.txt"), model_directory / BPE
        try:
            model = read_small(path)
            processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        except (OSError, RuntimeError) as error:
            raise ModelError(f"{path}: is not a sentencepiece model ({error}); fetch the model again") from error
        if not model:  # sentencepiece takes no bytes for no wish
            raise ModelError(f"{path}: is empty; fetch the model again")
        fingerprint = sha256("\n".join(tokens).encode() + model).hexdigest()
        return cls(lambda text: list(processor.encode(text, out_type=str)), tokens, fingerprint)

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a phrase in the case that the vocabulary knows, or of ready-made pieces after a leading `▁`.

        Raises:
            ValueError: the text is empty, or the message names the pieces that are not in the vocabulary.
        """
        text = text.strip()
        if not text:
            raise ValueError("there is no text")
        if text.startswith(WORD_START):
            return self._ids_of(text.split(), text)
        foreign = foreign_notation(text)
        if foreign and self._unknown(text.split()):
            raise ValueError(f'"{text}" {foreign}')
        pieces = text.split() if foreign else self._segment_words(text.upper())
        if self._unknown(pieces):
            others = [self._segment_words(text), self._segment_words(text.lower())]
            pieces = min([pieces, *others], key=lambda pieces: len(self._unknown(pieces)))
        return self._ids_of(pieces, text)

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """The one way in which the model writes a phrase; raises like `encode`."""
        yield self.encode(text)

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Text of each id."""
        return tuple(self._tokens[token] for token in ids)

    def knows(self, word: str) -> bool:
        """Whether it is sure how a word is written: always, by its pieces."""
        del word
        return True

    def is_word_start(self, token: int) -> bool:
        """Whether a new word begins with this token."""
        return self._tokens[token].startswith(WORD_START)

    def _segment_words(self, text: str) -> list[str]:
        """Word by word, which sentencepiece does too unless it was told to let pieces reach over blanks."""
        return [piece for word in text.split() for piece in self._segment(word)]

    def _ids_of(self, pieces: list[str], text: str) -> tuple[int, ...]:
        unknown = self._unknown(pieces)
        if unknown:
            named = ", ".join(f'"{piece}"' for piece in dict.fromkeys(unknown))
            hint = remedy(text, unknown) if len("".join(unknown)) == len(unknown) else ""
            raise ValueError(f'"{text}" has {named}, which the vocabulary of the model lacks{hint and "; " + hint}')
        return tuple(self._ids[piece] for piece in pieces)

    def _unknown(self, pieces: list[str]) -> list[str]:
        return [piece for piece in pieces if piece not in self._ids]
