"""The decoding thread: the straight line from sound to events."""

from collections.abc import Iterable, Sequence

from kwsd.daemon.changes import HearingChange
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.order_sound import OrderSound
from kwsd.daemon.recent_decisions import RecentDecisions
from kwsd.daemon.watch import Watch
from kwsd.daemon.watchdog import DecodingProgress
from kwsd.events import Detection, Event, NearMiss, Overrun
from kwsd.outlets.bus import Bus
from kwsd.spotters.interface import Spotter
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.timebase import SAMPLE_RATE


class Decoder:
    """What the decoding thread does; `run` is the thread."""

    def __init__(
        self,
        inbox: Inbox,
        spotter: Spotter,
        bus: Bus,
        *,
        progress: DecodingProgress,
        watches: Sequence[Watch],
        sound: OrderSound,
    ) -> None:
        """`watches` look at what passes; `sound` keeps the newest that may be wanted."""
        self._inbox = inbox
        self._spotter = spotter
        self._bus = bus
        self._progress = progress
        self._watches = watches
        self._sound = sound
        self.decisions = RecentDecisions()
        """What was heard lately, and what nearly."""
        self._lost_ms = 0.0

    def run(self) -> None:
        """Decode until the inbox ends."""
        next_sample = 0
        for item in self._inbox:
            if isinstance(item, HearingChange):
                self._tell(Chunk(next_sample, NO_SAMPLES, ""), item.install(self._spotter))
                continue
            if item.start_sample > next_sample:
                lost_ms = round((item.start_sample - next_sample) * 1000 / SAMPLE_RATE, 3)
                self._lost_ms = round(self._lost_ms + lost_ms, 3)
                self._bus.publish(Overrun(lost_ms=lost_ms, total_lost_ms=self._lost_ms))
            next_sample = item.end_sample
            self._sound.take(item)
            self._tell(item, self._spotter.push(item))
            self._progress.decoded(item, self._spotter)
        self._tell(Chunk(next_sample, NO_SAMPLES, ""), self._spotter.finish())

    def _tell(self, chunk: Chunk, told: Sequence[Event]) -> None:
        self._publish(self._sound.around(told))
        for watch in self._watches:
            self._publish(watch.push(chunk, told))

    def _publish(self, events: Iterable[Event]) -> None:
        for event in events:
            told = event
            if isinstance(event, Detection | NearMiss):
                told = self.decisions.take(event)
                counted = self._progress.detections if isinstance(event, Detection) else self._progress.near_misses
                counted[event.keyword] += 1
            if not told.optional or self._bus.wants(told.type):
                self._bus.publish(told)
