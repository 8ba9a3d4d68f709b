"""Phrases of a keyword file seen by the fixed set: a phrase is one of its words, or cannot be heard."""

from collections.abc import Iterable, Iterator, Sequence


def normal(phrase: str) -> str:
    """How phrases are compared: `STOP` and `stop ` are the same."""
    return " ".join(phrase.casefold().split())


class CommandTokenizer:
    """The tokenizer of a model whose vocabulary is a list of words: one token per word."""

    fingerprint = ""  # its lists have ten words at most

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)

    def encode(self, text: str) -> tuple[int, ...]:
        """The word's number.

        Raises:
            ValueError: not one of the words.
        """
        word = normal(text)
        if word not in self._words:
            raise ValueError(f'"{text}" is none of the fixed commands')
        return (self._words.index(word),)

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """`encode`, the only way; raises like it."""
        yield self.encode(text)

    def pieces(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Words by number."""
        return tuple(self._words[number] for number in ids)

    def knows(self, word: str) -> bool:
        """Whether it has a word."""
        return normal(word) in self._words

    def is_word_start(self, token: int) -> bool:
        """Every token is a word."""
        return 0 <= token < len(self._words)
