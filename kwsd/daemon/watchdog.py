"""The watchdog, fed by sound that was heard and by nothing else."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from kwsd.spotters.interface import Spotter
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE, seconds

BEHIND_SAMPLES = (
    2 * SAMPLE_RATE
)  # sound of which no frames have come: more than any model looks ahead, and it hears nothing
FEEDS_PER_PERIOD = 6  # systemd asks for two at least


class DecodingProgress:
    """What the decoding thread has achieved. Written by that thread, read by any.

    A feed takes a sign from the capture thread, frames that advanced, and a turn of the event loop: should any one of
    them hang, the watchdog starves and the service manager starts us anew. A spotter that takes sound and makes no
    frames of it is alive and deaf: that is no progress either.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, watchdog_s: float | None, feed: Callable[[], None]) -> None:
        """`feed` is called on the loop, several times in each period of the watchdog."""
        self.position_s = 0.0
        """Seconds of sound decoded, lost ones included."""
        self.at_s = time.monotonic()
        """When frames last came, or an attempt to open the microphone ended."""
        self.chunks = 0
        """Pieces of sound decoded."""
        self.decode_s = 0.0
        """Processor time of the decoding thread."""
        self.detections: Counter[str] = Counter()
        self.near_misses: Counter[str] = Counter()
        """By the keyword's name, told or not."""
        self._feed = feed
        self._loop = loop
        self._period_s = (watchdog_s or 0.0) / FEEDS_PER_PERIOD
        self._fed_at_s = 0.0

    def decoded(self, chunk: Chunk, spotter: Spotter) -> None:
        """A chunk went through; one without samples shows that capturing is alive though there is no microphone."""
        self.position_s = seconds(spotter.position_samples)
        self.chunks += len(chunk.samples) > 0
        self.decode_s = time.thread_time()
        if len(chunk.samples) and spotter.position_samples - spotter.heard_samples > BEHIND_SAMPLES:
            return
        self.at_s = now_s = time.monotonic()
        if self._period_s and now_s - self._fed_at_s >= self._period_s:
            self._fed_at_s = now_s
            self._loop.call_soon_threadsafe(self._feed)
