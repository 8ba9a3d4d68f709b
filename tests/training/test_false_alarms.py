"""What to expect of a phrase: curves come back from what they made, and stay finite where nothing was heard."""

import random

import pytest

from kwsd.search.false_alarms import FalseAlarms
from training.zipformer.false_alarms import THRESHOLDS, Listened, fit, report

MADE_BY = FalseAlarms(short=4.0, short_token=-0.5, short_threshold=-6.0, long=2.0, long_token=-0.2, long_threshold=-3.0)
HOURS = 200.0


def _listened(draw: random.Random, tokens: int) -> Listened:
    """Scores of a phrase whose rate at each threshold is that of the curve."""
    steps = [MADE_BY.per_hour(tokens, low) - MADE_BY.per_hour(tokens, low + 0.1) for low in THRESHOLDS[:-1]]
    rates = [*steps, MADE_BY.per_hour(tokens, THRESHOLDS[-1])]
    counts = [round(draw.gauss(rate * HOURS, (rate * HOURS) ** 0.5)) for rate in rates]
    return Listened(
        tokens, tuple(low + 0.05 for low, count in zip(THRESHOLDS, counts, strict=True) for _ in range(count))
    )


def test_curves_are_found_again() -> None:
    draw = random.Random(2)
    listened = [_listened(draw, tokens) for tokens in (2, 3, 4, 5, 6, 8, 10, 14) for _ in range(20)]
    fitted = fit(listened, HOURS)
    for tokens in (2, 5, 6, 12):
        for threshold in (0.4, 0.6):
            assert fitted.per_hour(tokens, threshold) == pytest.approx(MADE_BY.per_hour(tokens, threshold), rel=0.15)
    assert len(list(report(listened, HOURS, fitted))) == 7


def test_nothing_heard_at_all_is_no_certainty() -> None:
    fitted = fit([Listened(3, ()), Listened(9, ())], 1.0)
    assert 0.0 < fitted.per_hour(3, 0.5) < 0.1
    assert 0.0 < fitted.per_hour(9, 0.5) < 0.1
