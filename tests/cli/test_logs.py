"""A log that others cannot fill."""

import logging

import pytest

from kwsd.cli.logs import RepeatLimit


def log(limit: RepeatLimit, times: range, message: str = "%s failed", *, step_s: float = 0.001) -> list[str]:
    """So many records of a kind → what is written."""
    written = []
    for number in times:
        record = logging.LogRecord("kwsd.test", logging.WARNING, "f", 1, message, (str(number),), None)
        record.created = number * step_s
        if limit.filter(record):
            written.append(record.getMessage())
    return written


def test_of_one_kind_so_many_a_minute() -> None:
    """Scenario.

    1. Something fails 3 000 times in 3 s, and something else twice. 2. A minute later it fails again.

    Result: 20 lines and both of the other; then one, which says how many were left out.
    """
    limit = RepeatLimit()
    assert len(log(limit, range(3000))) == RepeatLimit.MOST
    assert len(log(limit, range(3000, 3002), "%s is another kind")) == 2
    (later,) = log(limit, range(70_000, 70_001))
    assert later == f"70000 failed (and {3000 - RepeatLimit.MOST} more like it before)"


@pytest.mark.parametrize("step_s", [3.0, 10.0])
def test_what_happens_now_and_then_is_all_written(step_s: float) -> None:
    assert len(log(RepeatLimit(), range(100), step_s=step_s)) == 100


def test_a_clock_that_goes_back_ends_no_log() -> None:
    limit = RepeatLimit()
    log(limit, range(3000, 6000))
    assert len(log(limit, range(5))) == 5
