"""What was heard, on stdout, for people or as JSON lines; for the daemon without ever waiting for a reader."""

import errno
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from queue import Full, Queue
from threading import Thread
from typing import get_args

from kwsd.errors import reason
from kwsd.events import Detection
from kwsd.intents import Intent, Transcript
from kwsd.orders import NoSpeech, SpeechEnd, SpeechStart
from kwsd.records import Record, printable

logger = logging.getLogger(__name__)

Told = Detection | Intent | SpeechStart | SpeechEnd | NoSpeech | Transcript
Report = Callable[[Told], None]

ORDERS = {SpeechStart.type: "speech begins", SpeechEnd.type: "speech ends", NoSpeech.type: "nothing was said"}
BOLD, DIM, PLAIN = "\x1b[1;32m", "\x1b[2m", "\x1b[0m"
PRINTED_LATE = 1024  # detections that a slow reader may be behind; then the oldest go


def make_report(*, as_json: bool, source: str | None, write: Callable[[str], None]) -> Report:
    """A function that writes what was told. `source` names the input where there are several."""
    if as_json:
        return lambda detection: write(json_line(detection, source))
    colour = sys.stdout.isatty()
    return lambda detection: write(human_line(detection, source, colour=colour))


def json_line(detection: Told, source: str | None) -> str:
    """The record as JSON, plus `source` where there are several inputs."""
    record = detection.to_dict()
    if source is not None:
        record["source"] = source
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return printable(json.dumps(record, ensure_ascii=not unicode))


def human_line(detection: Told, source: str | None, *, colour: bool) -> str:
    """When, what and how sure, such as `   3.04 s  LIGHT UP  0.98`; of an intent its slots too."""
    source = source or detection.source
    where = f"{printable(source)}: " if source else ""
    at_s = {SpeechEnd.type: "end", NoSpeech.type: "stream_time"}.get(detection.type, "start")
    fields = detection.fields()
    sure = fields.get("score", fields.get("confidence"))
    parts = (f"{where}{fields[at_s]:8.2f} s", printable(summary(detection)), "" if sure is None else f"{sure:.2f}")
    if colour:
        parts = (f"{DIM}{parts[0]}{PLAIN}", f"{BOLD}{parts[1]}{PLAIN}", f"{DIM}{parts[2]}{PLAIN}")
    return "  ".join(parts)


def summary(event: Told) -> str:
    """What was heard, in a few words."""
    if isinstance(event, Detection):
        return event.keyword
    if isinstance(event, SpeechStart | SpeechEnd | NoSpeech):
        return ORDERS[event.type]
    if isinstance(event, Transcript):
        return f"no transcript: {event.error}" if event.error else f'"{event.text}"'
    if event.rejected:
        return f"rejected, nearest: {event.nearest}"
    return " ".join([event.intent, *(f"{slot.name}={slot.value}" for slot in event.slots)])


def write_line(line: str) -> None:
    """To stdout at once, so that a pipe's reader need not wait; letters that it cannot take are escaped.

    Raises:
        OSError: it is full, closed, or nobody reads it.
    """
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


class StdoutOutlet:
    """Prints detections on a thread of its own. That it cannot is said once, and it goes on trying.

    A reader that has gone away (`kwsd … | head`) ends the process, as SIGTERM would.
    """

    wants = frozenset(each.type for each in get_args(Told))

    def __init__(self, report: Report) -> None:
        self._report = report
        self._ailing = False
        self._waiting: Queue[Told | None] = Queue(PRINTED_LATE)
        self._thread = Thread(target=self._run, name="stdout", daemon=True)
        self._thread.start()

    def take(self, event: Record) -> None:
        """Print it some time soon."""
        if isinstance(event, Told):
            self._put(event)

    async def close(self, deadline_s: float) -> None:
        """Print what waits."""
        import asyncio  # noqa: PLC0415 - files are printed without

        self._put(None)
        await asyncio.to_thread(self._thread.join, deadline_s)

    def _put(self, detection: Told | None) -> None:
        try:
            self._waiting.put_nowait(detection)
        except Full:
            self._waiting.get_nowait()
            self._waiting.put_nowait(detection)

    def _run(self) -> None:
        while (detection := self._waiting.get()) is not None:
            try:
                self._report(detection)
                self._ailing = False
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.kill(os.getpid(), signal.SIGTERM)
            except Exception as error:  # noqa: BLE001  nobody else prints: it goes on
                if isinstance(error, OSError) and error.errno == errno.EIO:  # the terminal was closed
                    os.kill(os.getpid(), signal.SIGTERM)
                if not self._ailing:
                    why = reason(error)
                    logger.warning("standard output cannot be written (%s); subscribers are told all the same", why)
                self._ailing = True
