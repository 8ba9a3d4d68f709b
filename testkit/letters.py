"""A tokenizer of single letters, for tests of the search that need no model."""

from kwsd.text.pieces import Tokenizer

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'-"
LETTER_TOKENS = ("<blk>", "<unk>", "▁", *LETTERS)


def letter_tokenizer() -> Tokenizer:
    """`LIGHT UP` → ▁ L I G H T ▁ U P. Upper case only."""
    return Tokenizer(lambda word: ["▁", *word], LETTER_TOKENS)
