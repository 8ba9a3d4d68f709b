"""How a word sounds that no dictionary has: a tree of letter contexts, learnt from the words that one has.

Each letter stands for none, one or two phones (Black, Lenzo and Pagel, 1998, "Issues in building general letter to
sound rules"). Which ones is told by its neighbours, asked for in a fixed order until the answer cannot change any more:
an IGTree (Daelemans and van den Bosch, 1997, "Language-independent data-oriented grapheme-to-phoneme conversion").
"""

from __future__ import annotations

import gzip
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Self

from kwsd.errors import ModelError
from kwsd.small_files import read_small, unpack

HEADER = b"kwsd letter sounds 1"
SILENT = "-"
"""Written for a letter without a sound of its own."""
LARGEST_UNPACKED_BYTES = 64 << 20
MOST_SOUNDS = 250  # one byte names a sound
_EDGE = b"_____"  # as far as a context reaches beyond a word
_NO_SOUND = 255

Sound = tuple[str, ...]
"""The phones of one letter."""


def context(word: str, place: int, before: Sequence[int]) -> bytes:
    """What the tree asks about the letter at `place`, a byte per question: letters around it, and sounds before it.

    `before` are the numbers of the sounds of the letters before `place`. The order was found by trying seven.
    """
    letters, at = _EDGE + word.encode("ascii") + _EDGE, place + len(_EDGE)
    last, last_but_one = (_NO_SOUND, _NO_SOUND, *before)[:-3:-1]
    near = (letters[at], letters[at + 1], letters[at - 1], last, letters[at + 2], letters[at + 3])
    far = (letters[at - 2], last_but_one, letters[at + 4], letters[at - 3], letters[at + 5], letters[at - 4])
    return bytes((*near, *far))


@dataclass(frozen=True)
class LetterSounds:
    """The tree, as flat as it is stored: nodes are numbered level by level, so children of one node are neighbours."""

    sounds: tuple[Sound, ...]
    """Every sound that a letter may have, by number."""
    keys: bytes
    """Per node the answer that leads to it from its parent."""
    chosen: bytes
    """Per node the number of the sound that is likeliest there."""
    first_child: array[int]
    """Per node its first child; those of node n end where those of node n + 1 begin."""

    @classmethod
    def of_nodes(cls, sounds: tuple[Sound, ...], keys: bytes, chosen: bytes, child_counts: bytes) -> Self:
        """Make one from what is known of each node."""
        return cls(sounds, keys, chosen, array("I", accumulate(child_counts, initial=1)))

    def phones(self, word: str) -> tuple[str, ...]:
        """The phones of a word of capitals and apostrophes; none where all its letters are silent."""
        numbers: list[int] = []
        for place in range(len(word)):
            node = 0
            for answer in context(word, place, numbers):
                child = self.keys.find(answer, self.first_child[node], self.first_child[node + 1])
                if child < 0:
                    break
                node = child
            numbers.append(self.chosen[node])
        return tuple(phone for number in numbers for phone in self.sounds[number])

    def write(self, path: Path) -> None:
        """Store it, the same bytes every time."""
        names = " ".join("_".join(sound) or SILENT for sound in self.sounds).encode()
        counts = bytes(after - first for first, after in pairwise(self.first_child))
        lines = (HEADER, names, self.keys + self.chosen + counts)
        path.write_bytes(gzip.compress(b"\n".join(lines), mtime=0))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Load what `write` stored.

        Raises:
            ModelError: the file is missing or broken.
        """
        try:
            header, names, nodes = unpack(read_small(path), LARGEST_UNPACKED_BYTES).split(b"\n", 2)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read ({error}); fetch the model again") from error
        size, rest = divmod(len(nodes), 3)
        if header != HEADER or rest or size == 0:
            raise ModelError(f"{path}: is not a table of letter sounds; fetch the model again")
        try:
            sounds = tuple(() if name == SILENT else tuple(name.split("_")) for name in names.decode().split(" "))
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: is damaged; fetch the model again") from error
        if max(nodes[size : 2 * size]) >= len(sounds) or sum(nodes[2 * size :]) != size - 1:
            raise ModelError(f"{path}: is damaged; fetch the model again")
        return cls.of_nodes(sounds, nodes[:size], nodes[size : 2 * size], nodes[2 * size :])
