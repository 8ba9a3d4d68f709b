"""How often a spelling is to be expected where nobody says it: what the model knows of such phrases, and a background.

An hour of background shows no rate of 0.1/h, and the best of many spellings is the one that was lucky in it. So each
spelling has its rate by Bayes: a gamma prior about what is usual for its length, and how often it was heard there.
"""

from __future__ import annotations

from collections.abc import Sequence

from kwsd.quick_dataclass import dataclass
from kwsd.search.false_alarms import FalseAlarms
from kwsd.tuning.hear import Heard

COUNTED_FROM = 0.3  # hits of a lower score are too many and too alike to tell one spelling from another
CHOSEN = 1.0  # times what is usual: a phrase that a person chose
READ = 2.4  # one read out of a take: it resembles speech more. This and the next are fitted, as a negative binomial,
SHAPE = 0.2  # to what 426 such spellings of ten words were heard in 1.5 h of speech; most never, a few often
UNKNOWN_MODEL = FalseAlarms(
    short=-0.6, short_token=0.0, short_threshold=-4.3, long=-0.6, long_token=0.0, long_threshold=-4.3
)
"""Of a model that does not tell, and whose tokens may be sounds or words: what kwsd-en has for a phrase of seven."""


@dataclass(frozen=True, slots=True)
class ExpectedRate:
    """False alarms of one spelling at any threshold."""

    curves: FalseAlarms
    tokens: int
    times: float
    """How many times what is usual for so many tokens."""

    def per_hour(self, threshold: float) -> float:
        """The mean of what it may be."""
        return self.times * self.curves.per_hour(self.tokens, threshold)


def expected_rate(
    curves: FalseAlarms | None, tokens: int, false: Sequence[Heard], hours: float, prior: float
) -> ExpectedRate:
    """Of a spelling of so many tokens, by hits in hours of background; without any, `prior` times what is usual."""
    known = curves or UNKNOWN_MODEL
    usual = prior * known.per_hour(tokens, COUNTED_FROM)
    count = sum(hit.score >= COUNTED_FROM for hit in false)
    return ExpectedRate(known, tokens, prior * (SHAPE + count) / (SHAPE + usual * hours))
