"""Log lines on stderr: plain for people, with a syslog level for the journal."""

import logging
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from queue import Full, Queue
from threading import Thread
from typing import ClassVar, TextIO

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


class Aside(logging.Handler):
    """Writes on a thread of its own: whoever logs waits for no reader, such as a terminal that Ctrl-S has stopped.

    The standard library's QueueListener waits for that reader when it is to end, and counts nothing that it loses.
    """

    MOST_WAITING, ENDS_WITHIN_S = 1024, 0.5

    def __init__(self, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._waiting: Queue[str] = Queue(self.MOST_WAITING)
        self._left_out = 0
        self._out = standard_error()
        Thread(target=self._run, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """As a line of now; where too many wait it is left out, and counted."""
        try:
            after = f" (behind {self._left_out} lines that were not read in time)" if self._left_out else ""
            self._waiting.put_nowait(f"{self.format(record)}{after}\n")
            self._left_out = 0
        except Full:
            self._left_out += 1
        except Exception:  # noqa: BLE001  a line that cannot be made is no reason to end
            self.handleError(record)

    def flush(self) -> None:
        """Wait for what waits, but not for ever."""
        gives_up_s = time.monotonic() + self.ENDS_WITHIN_S
        while self._waiting.unfinished_tasks and time.monotonic() < gives_up_s:
            time.sleep(0.005)

    def _run(self) -> None:
        while True:
            line = self._waiting.get()
            with suppress(OSError, ValueError):  # full or closed: there is nowhere to say it
                self._out.write(line)
                self._out.flush()
            self._waiting.task_done()


def standard_error() -> TextIO:
    """The same file by another number: sounddevice turns the usual one to /dev/null while it lists devices."""
    try:
        number = os.dup(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):  # it is none of a system's, or there is none
        return sys.stderr or Path(os.devnull).open("w")
    return os.fdopen(number, "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors)


def log_for_months() -> None:
    """For a service: nobody waits for whoever reads its log, and nothing fills it; behind `start_logging`."""
    root = logging.getLogger()
    for handler in root.handlers[:]:
        aside = Aside(handler.formatter)
        aside.addFilter(RepeatLimit())
        root.removeHandler(handler)
        root.addHandler(aside)


def start_logging(program: str, *, verbose: bool) -> None:
    """Send logs to stderr: from INFO on, from DEBUG on when `verbose`."""
    handler = logging.StreamHandler(sys.stderr)
    under_systemd = "JOURNAL_STREAM" in os.environ and not sys.stderr.isatty()  # said by systemd; no setting of ours
    handler.setFormatter(_ForTheJournal() if under_systemd else _ForPeople(program))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)
    for talkative in ("asyncio", "matplotlib"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
