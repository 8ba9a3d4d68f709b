"""Log lines on stderr: plain for people, with a syslog level for the journal."""

import logging
import os
import sys
from typing import ClassVar

from kwsd.records import printable


class _ForPeople(logging.Formatter):
    """`kwsd: warning: what happened`; information goes without saying so."""

    def __init__(self, program: str) -> None:
        super().__init__()
        self._program = program

    def format(self, record: logging.LogRecord) -> str:
        level = "" if record.levelno in {logging.INFO, logging.ERROR} else f"{record.levelname.lower()}: "
        return "\n".join(f"{self._program}: {level}{printable(line)}" for line in super().format(record).splitlines())


class _ForTheJournal(logging.Formatter):
    """`<4>what happened`, see sd-daemon(3); the journal has the time and the program already."""

    PRIORITIES: ClassVar = {
        logging.DEBUG: 7,
        logging.INFO: 6,
        logging.WARNING: 4,
        logging.ERROR: 3,
        logging.CRITICAL: 2,
    }

    def format(self, record: logging.LogRecord) -> str:
        priority = self.PRIORITIES.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{printable(line)}" for line in super().format(record).splitlines())


class RepeatLimit(logging.Filter):
    """So much of a kind in so long a time, then how much more there was: nobody else can fill the journal."""

    MOST, PERIOD_S = 20, 60.0

    def __init__(self) -> None:
        super().__init__()
        self._counted: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """A kind is a place in the program: its logger and message, before anything is put into it."""
        kind = (record.name, str(record.msg))
        since_s, count = self._counted.get(kind, (-self.PERIOD_S, 0))
        if record.created - since_s >= self.PERIOD_S or record.created < since_s:
            left_out = count - self.MOST
            since_s, count = record.created, 0
            if left_out > 0:
                record.msg, record.args = f"{record.getMessage()} (and {left_out} more like it before)", ()
        self._counted[kind] = (since_s, count + 1)
        return count < self.MOST


def limit_repeats() -> None:
    """For a program that runs for months."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(RepeatLimit())


def start_logging(program: str, *, verbose: bool) -> None:
    """Send logs to stderr: from INFO on, from DEBUG on when `verbose`."""
    handler = logging.StreamHandler(sys.stderr)
    under_systemd = "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty()  # said by systemd; no setting of ours
    handler.setFormatter(_ForTheJournal() if under_systemd else _ForPeople(program))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for talkative in ("asyncio", "matplotlib"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
