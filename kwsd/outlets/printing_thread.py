"""Detections of the daemon on standard output, without the daemon ever waiting for whoever reads it."""

import os
import signal
from queue import Full, Queue
from threading import Thread

from kwsd.events import Detection, Event
from kwsd.outlets.stdout import Report

PRINTED_LATE = 1024  # detections that a slow reader may be behind; then the oldest go


class PrintingThread:
    """A listener of the bus that prints."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._waiting: Queue[Detection | None] = Queue(PRINTED_LATE)
        self._thread = Thread(target=self._run, name="print", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Print a detection some time soon. Never blocks."""
        if isinstance(event, Detection):
            self._put(event)

    def close(self, timeout_s: float) -> None:
        """Print what waits, for so long at most."""
        self._put(None)
        self._thread.join(timeout_s)

    def _put(self, detection: Detection | None) -> None:
        try:
            self._waiting.put_nowait(detection)
        except Full:
            self._waiting.get_nowait()
            self._waiting.put_nowait(detection)

    def _run(self) -> None:
        try:
            while (detection := self._waiting.get()) is not None:
                self._report(detection)
        except OSError:  # the reader is gone, or the terminal was closed: end as if asked to
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.kill(os.getpid(), signal.SIGTERM)
