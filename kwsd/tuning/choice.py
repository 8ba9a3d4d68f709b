"""Which ways to say a keyword to add, and the threshold that goes with them: by its takes and by false alarms."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

import numpy as np

from kwsd.quick_dataclass import dataclass
from kwsd.tuning.pronounce import Tokens
from kwsd.tuning.rates import ExpectedRate

MOST_ADDED = 3
SOFT = 0.06  # of score: how much another saying of the same differs from a take
WORTH = 0.04  # of recall that a change must bring: less is chance
OWN = 0.15  # of a take speaks for the spelling that comes from it alone
STEP = 0.01  # between thresholds that are tried
LOWEST = 0.3  # threshold: below it hits of one spelling in a background say little about those of the next hour
NOW = "/"  # what the keyword as it is now is called among spellings, of which none is that


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """A way to say the keyword."""

    tokens: Tokens
    spelling: str
    """As a keyword file takes it."""
    takes: frozenset[int]
    """Numbers of the takes that it was heard in; of none where it comes from the lexicon or the letters."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a choice is made from: nothing is heard again for another one."""

    candidates: tuple[Pronunciation, ...]
    scores: Mapping[str, Sequence[float]]
    """Of each spelling (and NOW) in each take; 0 where it was not heard."""
    expected: Mapping[str, ExpectedRate]
    """False alarms of each."""
    per_hour: float
    """False alarms that are put up with."""
    threshold: float
    """In force now."""
    lowest: float
    highest: float
    """What another one may be: a spelling that would need a higher one is left out."""

    def per_hour_at(self, threshold: float, spellings: Sequence[str]) -> float:
        """False alarms to be expected of the keyword with these spellings added."""
        return sum(self.expected[each].per_hour(threshold) for each in (NOW, *spellings))


@dataclass(frozen=True, slots=True)
class Choice:
    """Spellings to add, and the threshold that goes with all of the keyword."""

    spellings: tuple[str, ...]
    threshold: float
    recall: float
    """To be expected of further sayings, 0 to 1."""


def choose(known: Material, takes: Sequence[int]) -> Choice:
    """What is best by these takes, if anything is better than what is there: spellings, a lower threshold, or both.

    The expected recall counts a take as heard the more, the further its score is above the threshold; a candidate
    counts little for the take that it comes from alone.
    """
    best = now = Choice((), known.threshold, _recall(known, (), known.threshold, takes))
    usable = [each for each in known.candidates if not each.takes or each.takes & set(takes)]
    for count in range(MOST_ADDED + 1):
        for added in combinations(usable, count):
            spellings = tuple(each.spelling for each in added)
            threshold = common_threshold(known, spellings)
            if threshold is not None:
                choice = Choice(spellings, threshold, _recall(known, added, threshold, takes))
                if choice.recall > best.recall + (WORTH if best is now else WORTH / 4):
                    best = choice
    return best


def common_threshold(known: Material, spellings: Sequence[str]) -> float | None:
    """The lowest at which few enough false alarms are to be expected of the keyword with these spellings added.

    None: they would be too many at the highest that may be.
    """
    for threshold in np.arange(known.lowest, known.highest + STEP / 2, STEP):
        if known.per_hour_at(float(threshold), spellings) <= known.per_hour:
            return round(float(threshold), 3)
    return None


def _recall(known: Material, added: Sequence[Pronunciation], threshold: float, takes: Sequence[int]) -> float:
    def heard(take: int, ways: Iterable[Pronunciation]) -> float:
        best = max([known.scores[NOW][take], *(known.scores[each.spelling][take] for each in ways)])
        return 1 / (1 + math.exp((threshold - best) / SOFT))

    others = sum(heard(take, (each for each in added if each.takes != {take})) for take in takes)
    return ((1 - OWN) * others + OWN * sum(heard(take, added) for take in takes)) / len(takes)


def is_heard_left_out(known: Material, take: int) -> bool:
    """Whether a take is heard by what the others lead to."""
    choice = choose(known, [other for other in range(len(known.scores[NOW])) if other != take])
    return any(known.scores[each][take] >= choice.threshold for each in (NOW, *choice.spellings))
