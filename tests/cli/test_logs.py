"""A log that others cannot fill."""

import logging
import subprocess
import sys

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


AWAY = """
import logging, os
from kwsd.cli.logs import log_for_months, start_logging
start_logging("kwsd", verbose=False)
log_for_months()
kept = os.dup(2)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
logging.warning("a subscriber was refused")
logging.getLogger().handlers[0].flush()
os.dup2(kept, 2)
logging.warning("and another")
"""


def test_a_line_is_written_while_the_sound_library_has_standard_error() -> None:
    """The sound library turns it to /dev/null while it lists devices, again and again where there is no microphone."""
    done = subprocess.run([sys.executable, "-c", AWAY], capture_output=True, text=True, check=True)
    assert done.stderr == "kwsd: warning: a subscriber was refused\nkwsd: warning: and another\n"


def test_without_standard_error_there_is_no_log_and_all_else_goes_on() -> None:
    code = f"import os; os.close(2); import sys; sys.stderr = None; exec({AWAY.partition('kept')[0]!r}); print('well')"
    code += "; logging.warning('nobody reads this')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "well\n"
