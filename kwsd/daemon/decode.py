"""The decoding thread: the straight line from sound to events."""

import itertools
import logging
from collections.abc import Iterable
from dataclasses import replace

from kwsd.daemon.inbox import Inbox, NewKeywords
from kwsd.daemon.level_watch import LevelWatch
from kwsd.daemon.recent_decisions import RecentDecisions
from kwsd.daemon.search_watch import SearchWatch
from kwsd.daemon.watchdog import DecodingProgress
from kwsd.events import Detection, Event, NearMiss, Overrun
from kwsd.outlets.bus import Bus
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.spotters.interface import Spotter
from kwsd.timebase import SAMPLE_RATE
from kwsd.why import sentences

logger = logging.getLogger(__name__)


class Decoder:
    """What the decoding thread does; `run` is the thread."""

    def __init__(
        self,
        inbox: Inbox,
        spotter: Spotter,
        bus: Bus,
        *,
        progress: DecodingProgress,
        levels: LevelWatch,
        recent_audio: RecentAudio | None,
    ) -> None:
        """`recent_audio`, if there is one, keeps the newest sound."""
        self._inbox = inbox
        self._spotter = spotter
        self._bus = bus
        self._progress = progress
        self._levels = levels
        self._search_watch = SearchWatch(bus, spotter)
        self._recent_audio = recent_audio
        self._numbers = {kind.type: itertools.count(1) for kind in (Detection, NearMiss)}
        self.decisions = RecentDecisions()
        """What was heard lately, and what nearly."""
        self._lost_ms = 0.0

    def run(self) -> None:
        """Decode until the inbox ends."""
        next_sample = 0
        for item in self._inbox:
            if isinstance(item, NewKeywords):
                item.install(self._spotter)
                continue
            if item.start_sample > next_sample:
                lost_ms = round((item.start_sample - next_sample) * 1000 / SAMPLE_RATE, 3)
                self._lost_ms = round(self._lost_ms + lost_ms, 3)
                self._bus.publish(Overrun(lost_ms=lost_ms, total_lost_ms=self._lost_ms))
            next_sample = item.end_sample
            if self._recent_audio is not None:
                self._recent_audio.write(item)
            self._publish(self._spotter.push(item))
            self._publish(self._levels.push(item))
            self._publish(self._search_watch.look())
            self._progress.decoded(item, self._spotter)
        self._publish(self._spotter.finish())

    def _publish(self, events: Iterable[Event]) -> None:
        for event in events:
            told = event
            if isinstance(event, Detection | NearMiss):
                told = replace(event, id=next(self._numbers[event.type]))
                self.decisions.take(told)
                counted = self._progress.detections if isinstance(event, Detection) else self._progress.near_misses
                counted[event.keyword] += 1
                if event.why is not None and logger.isEnabledFor(logging.DEBUG):
                    logger.debug("%s", " ".join(sentences(event.keyword, event.why)))
            if not told.optional or self._bus.wants(told.type):
                self._bus.publish(told)
