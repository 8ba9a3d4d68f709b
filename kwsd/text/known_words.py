"""Which words a dictionary has, in a byte for each: a Bloom filter (Bloom 1970, CACM 13/7).

The dictionary itself is not kept: only what rules get wrong is listed. Whether rules may be trusted with a word hangs
on whether they were learnt from it. One word in thirty that it does not have is taken for one that it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Self

from kwsd.errors import ModelError
from kwsd.small_files import read_small

HEADER = b"kwsd known words 1\n"
BITS_PER_WORD = 7
QUESTIONS = 5  # the best number for so many bits


@dataclass(frozen=True)
class KnownWords:
    """A set of words that may take a few others for its own."""

    bits: bytes

    @classmethod
    def of(cls, words: Collection[str]) -> Self:
        """Of these words."""
        bits = bytearray(max(1, len(words) * BITS_PER_WORD // 8))
        for word in words:
            for place in _places(word, len(bits)):
                bits[place >> 3] |= 1 << (place & 7)
        return cls(bytes(bits))

    def __contains__(self, word: str) -> bool:
        """Whether it is one of them, or taken for one."""
        return all(self.bits[place >> 3] >> (place & 7) & 1 for place in _places(word, len(self.bits)))

    def write(self, path: Path) -> None:
        """Store it."""
        path.write_bytes(HEADER + self.bits)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Load what `write` stored. Raises ModelError: the file is missing or broken."""
        try:
            content = read_small(path)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error}); fetch the model again") from error
        if not content.startswith(HEADER) or content == HEADER:
            raise ModelError(f"{path}: is not a table of known words; fetch the model again")
        return cls(content.removeprefix(HEADER))


def _places(word: str, size: int) -> Iterator[int]:
    """The bits of a word among 8 * `size` (two hashes for all questions: Kirsch and Mitzenmacher 2006)."""
    hashed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest())
    first, step = hashed >> 32, hashed & 0xFFFFFFFF | 1
    return ((first + number * step) % (8 * size) for number in range(QUESTIONS))
