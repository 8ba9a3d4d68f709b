"""The capture thread: opens the microphone, reads it into the queue, reopens it, closes it while muted."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from kwsd.audio.source import Source
from kwsd.daemon.inbox import AudioQueue
from kwsd.daemon.reporter import Reporter
from kwsd.errors import AudioError

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5  # between attempts to open the microphone; doubles from there
LONGEST_PAUSE_S = 10.0  # so that a microphone plugged in is heard within seconds
MUTED_SIGN_S = 1.0  # a muted daemon decodes nothing, but shows as often that it could


class Capture:
    """What the capture thread does; `run` is the thread. The other methods may be called from any thread."""

    def __init__(
        self, open_source: Callable[[], Source], queue: AudioQueue, reporter: Reporter, *, reopens: bool
    ) -> None:
        """`reopens`: the source is a microphone. Any other is read once, and its end or error is ours."""
        self.reopens = reopens
        self.heard_at_s = time.monotonic()
        """When sound last came."""
        self.closed = threading.Event()
        """Set while no source is open."""
        self.closed.set()
        self._open_source = open_source
        self._queue = queue
        self._reporter = reporter
        self._stopping = threading.Event()
        self._muted = threading.Event()
        self._hurry = threading.Event()
        self._source: Source | None = None
        self._pauses = _pauses()
        self._next_sample = 0

    def run(self) -> None:
        """Capture until told to stop, or until a source that is no microphone ends. Raises its AudioError."""
        try:
            while not self._stopping.is_set():
                if self._muted.is_set():
                    self._stay_muted()
                else:
                    self._listen()
        finally:
            self._queue.close()

    def mute(self) -> None:
        """Close the microphone; `closed` is set when that is done."""
        self._muted.set()
        self._interrupt()

    def unmute(self) -> None:
        """Open it again."""
        self._muted.clear()
        self._hurry.set()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._interrupt()

    def _interrupt(self) -> None:
        """Wake the thread, whatever it waits for. Closing is done aside: a hung driver would hang the caller too."""
        self._hurry.set()
        source = self._source
        if source is not None:
            threading.Thread(target=source.close, name="close", daemon=True).start()

    def _stay_muted(self) -> None:
        self._reporter.muted()
        while self._muted.is_set() and not self._stopping.is_set():
            self._queue.put_sign(is_progress=True)
            self._wait(MUTED_SIGN_S)
        if not self._stopping.is_set():
            self._reporter.unmuted()
        self._pauses = _pauses()

    def _listen(self) -> None:
        """One attempt: from opening to the end or failure of the source."""
        self.closed.clear()
        if self._is_unwanted():  # asked for between the last look and now
            self.closed.set()
            return
        try:
            self._read(self._open())
        except AudioError as error:
            if not self.reopens:
                raise
            self._try_later(str(error))
        else:
            self._ended()
        finally:
            self._source = None
            self.closed.set()

    def _open(self) -> Source:
        self._reporter.attempt()
        self._source = source = self._open_source()
        return source

    def _read(self, source: Source) -> None:
        opened_at = self._next_sample  # a closed microphone does not count
        for chunk in source:
            if self._is_unwanted():
                break
            self.heard_at_s = time.monotonic()
            self._reporter.heard(source.name)
            placed = replace(chunk, start_sample=opened_at + chunk.start_sample)
            self._next_sample = placed.end_sample
            self._queue.put(placed)
            self._pauses = _pauses()
        source.close()

    def _ended(self) -> None:
        if self._is_unwanted():
            return
        if self.reopens:
            self._try_later("the microphone ended")
        else:
            self._stopping.set()

    def _is_unwanted(self) -> bool:
        return self._muted.is_set() or self._stopping.is_set()

    def _try_later(self, reason: str) -> None:
        self._reporter.mic_lost(reason)
        self._queue.put_sign(is_progress=True)
        self._wait(next(self._pauses))

    def _wait(self, duration_s: float) -> None:
        self._hurry.wait(duration_s)
        self._hurry.clear()


def _pauses() -> Iterator[float]:
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
