"""What the numbers of a keyword may be."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Finite numbers from `low` to `high`, both included unless `above` leaves out `low`."""

    low: float
    high: float
    example: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        return f"{'above' if self.above else 'at least'} {self.low:g} and at most {self.high:g}"


BOOST = Range(0, 20, example=1.0)  # per token; e^20 outweighs any acoustic evidence
THRESHOLD = Range(0, 1, example=0.35, above=True)  # 0 would always fire, which nobody means
MIN_SCORE = Range(0, 1, example=0.05)
TRAILING_BLANKS = Range(0, 100, example=1)  # frames of 40 ms
GAP_S = Range(0, 60, example=0.8, above=True)
DURATION_S = Range(0, 60, example=0.2)
REFRACTORY_S = Range(0, 3600, example=2.0)
