"""The capture thread: opens the microphone, reads it into the inbox, reopens it, closes it while muted."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from kwsd.audio.open import MICROPHONE, open_source
from kwsd.audio.portaudio import restart_portaudio
from kwsd.audio.source import Source
from kwsd.daemon.changes import SoundEnds
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.source_state import Hearing
from kwsd.errors import AudioError
from kwsd.events import MicLost, Muted, Unmuted
from kwsd.outlets.interface import Publisher
from kwsd.stream import NO_SAMPLES, Chunk

logger = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.5  # between attempts to open the microphone; doubles from there
LONGEST_PAUSE_S = 10.0  # so that a microphone plugged in is heard within seconds
MUTED_SIGN_S = 1.0  # a muted daemon decodes nothing, but shows as often that it could
FELL_SILENT_S = 2.0  # sound that comes after so long is told anew, should its absence have been noticed


class Capture:
    """What the capture thread does; `run` is the thread. The other methods may be called from any thread."""

    def __init__(
        self, open_source: Callable[[], Source], inbox: Inbox, bus: Publisher, *, reopens: bool, muted: bool = False
    ) -> None:
        """`reopens`: the source is a microphone. Any other is read once, and its end or error is ours."""
        self.reopens = reopens
        self.heard_at_s = time.monotonic()
        """When sound last came."""
        self._open_source = open_source
        self._inbox = inbox
        self._bus = bus
        self._stop_by_s: float | None = None
        self._muted = threading.Event()
        self._to_close = threading.Event()  # for `mute`, though it may have been called off since
        self._hurry = threading.Event()
        self._source: Source | None = None
        self._attempts = 0
        self._next_sample = 0
        self._pauses = _pauses()
        if muted:
            self._muted.set()

    def run(self) -> None:
        """Capture until told to stop, or until a source that is no microphone ends. Raises its AudioError."""
        try:
            while self._stop_by_s is None:
                if self._muted.is_set() or self._to_close.is_set():
                    self._stay_muted()
                    continue
                try:
                    self._attempts += 1
                    self._hear(self._open_source())
                    if not self.reopens:
                        return
                    if not self._to_close.is_set() and self._stop_by_s is None:
                        self._try_later("the microphone ended")
                except AudioError as error:
                    if not self.reopens:
                        raise
                    if not self._to_close.is_set() and self._stop_by_s is None:
                        self._try_later(str(error))
        finally:
            self._inbox.stop()

    def mute(self) -> None:
        """Close the microphone; `muted` is published when that is done."""
        self._muted.set()
        self._to_close.set()
        self._interrupt()

    def unmute(self) -> None:
        """Open it again."""
        self._muted.clear()
        self._hurry.set()

    def stop(self, deadline_s: float) -> None:
        """End the thread. A pipe is read on while it holds sound, until this time on the monotonic clock."""
        self._stop_by_s = deadline_s
        self._interrupt()

    def _interrupt(self) -> None:
        """Wake the thread, whatever it waits for. Closing is done aside: a hung driver would hang the caller too."""
        self._hurry.set()
        source = self._source
        if source is not None:
            threading.Thread(target=source.close, name="close", daemon=True).start()

    def _hear(self, source: Source) -> None:
        """From opening to the end of the source, which is closed then."""
        opened_at = self._next_sample  # a closed microphone does not count
        heard_at_s = None
        self._source = source
        try:
            if self._stop_by_s is not None or self._to_close.is_set():  # asked for while it was being opened
                source.close()
            for chunk in source:
                now_s = time.monotonic()
                self.heard_at_s = now_s
                if heard_at_s is None or now_s - heard_at_s > FELL_SILENT_S:
                    self._bus.publish(Hearing(microphone=source.name, attempts=self._attempts))
                    self._attempts, self._pauses = 0, _pauses()
                heard_at_s = now_s
                placed = replace(chunk, start_sample=opened_at + chunk.start_sample)
                self._next_sample = placed.end_sample
                self._inbox.put(placed)
                if self._to_close.is_set() or (self._stop_by_s is not None and time.monotonic() >= self._stop_by_s):
                    break
        finally:
            self._source = None
            source.close()

    def _stay_muted(self) -> None:
        self._to_close.clear()  # it is closed
        self._inbox.put(SoundEnds())  # nothing comes any more that could end it
        self._bus.publish(Muted())
        while self._muted.is_set() and self._stop_by_s is None:
            self._to_close.clear()
            self._give_a_sign()
            self._wait(MUTED_SIGN_S)
        if self._stop_by_s is None:
            self._bus.publish(Unmuted())
        self._attempts, self._pauses = 0, _pauses()

    def _try_later(self, reason: str) -> None:
        self._inbox.put(SoundEnds("lost"))  # the stream goes on where it was: what is said then is no part of it
        self._bus.publish(MicLost(microphone="", reason=reason))
        self._give_a_sign()
        self._wait(next(self._pauses))

    def _give_a_sign(self) -> None:
        self._inbox.put(Chunk(self._next_sample, NO_SAMPLES, ""))

    def _wait(self, duration_s: float) -> None:
        self._hurry.wait(duration_s)
        self._hurry.clear()


def _pauses() -> Iterator[float]:
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def source_opener(
    name: str, device: str | int | None, channel: int | None, raw: str | None = None
) -> Callable[[], Source]:
    """Opens the input; a microphone, from the second time on, after PortAudio has listed the devices afresh."""
    attempts = 0

    def open_again() -> Source:
        nonlocal attempts
        attempts += 1
        if name == MICROPHONE and attempts > 1:
            restart_portaudio()
        return open_source(name, device if name == MICROPHONE else None, channel, raw)

    return open_again
