"""How often a phrase is to be expected where nobody says it: fitted for a model on hours of other people's speech.

Short phrases are judged by their mean posterior and long ones by a score of all signs, so each kind has a curve of its
own: the logarithm of a rate, linear in length and threshold (Poisson regression; McCullagh and Nelder 1989, 6.2).
"""

from __future__ import annotations

import math

from kwsd.quick_dataclass import dataclass
from kwsd.search.settings import SHORT_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarms:
    """The curves of a model."""

    short: float
    """Logarithm of the rate per hour of a phrase of no tokens at a threshold of 0, up to `SHORT_TOKENS` …"""
    short_token: float
    """… what each token adds …"""
    short_threshold: float
    """… and what a threshold of 1 would."""
    long: float
    """The same for longer phrases."""
    long_token: float
    long_threshold: float

    def per_hour(self, tokens: int, threshold: float) -> float:
        """For a phrase of so many tokens. Phrases differ: half of them lie within a factor of three of it."""
        if tokens <= SHORT_TOKENS:
            return math.exp(self.short + self.short_token * tokens + self.short_threshold * threshold)
        return math.exp(self.long + self.long_token * tokens + self.long_threshold * threshold)
