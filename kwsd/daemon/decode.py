"""The decoding thread: the straight line from sound to events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kwsd.daemon.changes import HearingChange
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.order_sound import OrderSound
from kwsd.daemon.recent_decisions import RecentDecisions
from kwsd.daemon.watch import Watch
from kwsd.daemon.watchdog import DecodingProgress
from kwsd.events import Detection, Event, NearMiss, Overrun
from kwsd.outlets.interface import Publisher
from kwsd.spotters.interface import Spotter
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.timebase import SAMPLE_RATE


@dataclass
class Decoder:
    """What the decoding thread does; `run` is the thread."""

    inbox: Inbox
    spotter: Spotter
    bus: Publisher
    progress: DecodingProgress
    watches: Sequence[Watch]
    """They look at what passes."""
    sound: OrderSound
    """The newest, which may be wanted."""
    decisions: RecentDecisions = field(default_factory=RecentDecisions)
    """What was heard lately, and what nearly."""
    lost_ms: float = 0.0

    def run(self) -> None:
        """Decode until the inbox ends."""
        next_sample = 0
        for item in self.inbox:
            if isinstance(item, HearingChange):
                self._tell(Chunk(next_sample, NO_SAMPLES, ""), item.install(self.spotter))
                continue
            if item.start_sample > next_sample:
                lost_ms = round((item.start_sample - next_sample) * 1000 / SAMPLE_RATE, 3)
                self.lost_ms = round(self.lost_ms + lost_ms, 3)
                self.bus.publish(Overrun(lost_ms=lost_ms, total_lost_ms=self.lost_ms))
            next_sample = item.end_sample
            self.sound.take(item)
            self._tell(item, self.spotter.push(item))
            self.progress.decoded(item, self.spotter)
        self._tell(Chunk(next_sample, NO_SAMPLES, ""), self.spotter.finish())

    def _tell(self, chunk: Chunk, told: Sequence[Event]) -> None:
        self._publish(self.sound.around(told))
        for watch in self.watches:
            self._publish(watch.push(chunk, told))

    def _publish(self, events: Iterable[Event]) -> None:
        for event in events:
            told = event
            if isinstance(event, Detection | NearMiss):
                told = self.decisions.take(event)
                counted = self.progress.detections if isinstance(event, Detection) else self.progress.near_misses
                counted[event.keyword] += 1
            if not told.optional or self.bus.wants(told.type):
                self.bus.publish(told)
