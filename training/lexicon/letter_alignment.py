"""Which phones belong to which letter of a word: found for a whole dictionary at once, by expectation maximisation.

Every letter stands for none, one or two phones in a row (Black, Lenzo and Pagel, 1998, "Issues in building general
letter to sound rules"). The likeliest alignment of each word stands for all of them in the expectation.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Sequence

Phones = tuple[str, ...]
Likely = dict[tuple[str, Phones], float]
"""Log probability of the phones of a letter."""
Alignment = tuple[Phones, ...]
"""The phones of each letter of a word."""
Entry = tuple[str, Phones]
"""A word and its pronunciation."""

MOST_PHONES = 2  # of one letter, as X has in BOX
ROUNDS = 6
LEARNT_FROM = 20_000  # words; the probabilities of letters change no more with all of them
UNSEEN = -12.0  # log probability of a sound that a letter never had
LEAST_PER_LETTER = -5.0  # MGM and NMR are spelt out, and teach nothing about letters in words
FIRST_SILENT = 0.1  # how often letters are silent, before anything is known


def align_all(entries: Sequence[Entry]) -> dict[Entry, Alignment]:
    """Align a dictionary; words that are no sum of their letters are left out."""
    some = random.Random(0).sample(entries, min(LEARNT_FROM, len(entries)))
    likely = _log_probabilities(_near_the_diagonal(some))
    for _ in range(ROUNDS):
        likely = _log_probabilities(_counted(some, likely))
    aligned = {entry: _align(*entry, likely) for entry in entries}
    return {
        (word, phones): best[0]
        for (word, phones), best in aligned.items()
        if best and best[1] > LEAST_PER_LETTER * len(word)
    }


def _counted(entries: Iterable[Entry], likely: Likely) -> Counter[tuple[str, Phones]]:
    """How often each letter has each sound in the likeliest alignments."""
    counts: Counter[tuple[str, Phones]] = Counter()
    for word, phones in entries:
        best = _align(word, phones, likely)
        if best:
            counts.update(zip(word, best[0], strict=True))
    return counts


def _align(word: str, phones: Phones, likely: Likely) -> tuple[Alignment, float] | None:
    """The likeliest alignment and its log probability; None where there are too many phones for the letters."""
    best: dict[int, tuple[float, Alignment]] = {0: (0.0, ())}
    for letter in word:
        reached: dict[int, tuple[float, Alignment]] = {}
        for end, (score, chunks) in best.items():
            for after in range(end, min(end + MOST_PHONES, len(phones)) + 1):
                chunk = phones[end:after]
                total = score + likely.get((letter, chunk), UNSEEN - len(chunk))
                if after not in reached or total > reached[after][0]:
                    reached[after] = (total, (*chunks, chunk))
        best = reached
    if len(phones) not in best:
        return None
    score, chunks = best[len(phones)]
    return chunks, score


def _near_the_diagonal(entries: Iterable[Entry]) -> Counter[tuple[str, Phones]]:
    """A first guess: letters go with the phones that stand about as far into the word."""
    counts: Counter[tuple[str, Phones]] = Counter()
    for word, phones in entries:
        for place, letter in enumerate(word):
            middle = place * len(phones) // len(word)
            counts.update((letter, phones[at : at + 1]) for at in range(max(0, middle - 1), middle + 2))
    for letter, total in _totals(counts).items():
        counts[letter, ()] = max(1, int(FIRST_SILENT * total))
    return counts


def _log_probabilities(counts: Counter[tuple[str, Phones]]) -> Likely:
    totals = _totals(counts)
    return {pair: math.log(count / totals[pair[0]]) for pair, count in counts.items()}


def _totals(counts: Counter[tuple[str, Phones]]) -> Counter[str]:
    totals: Counter[str] = Counter()
    for (letter, _), count in counts.items():
        totals[letter] += count
    return totals
