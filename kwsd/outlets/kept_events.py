"""The newest events, so that who comes back after a break is told what it missed: without a gap, and nothing twice."""

import os
from collections import deque

from kwsd.protocol.messages import Dropped
from kwsd.quick_dataclass import dataclass
from kwsd.records import Record

KEPT_EVENTS = 512  # some 0.5 MB at most, and days of an ordinary room


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An event and its line."""

    event: Record
    line: bytes


class KeptEvents:
    """A ring of events that are for everybody; the optional ones are of the moment, and are not kept."""

    def __init__(self, limit: int = KEPT_EVENTS) -> None:
        self.run = os.urandom(4).hex()
        """A name for this run, since another counts anew."""
        self.newest = 0
        """`seq` of the last event."""
        self._forgotten = 0
        self._events: deque[KeptEvent] = deque(maxlen=limit)

    def keep(self, event: Record, line: bytes) -> None:
        """The next event. Where events were lost on their way here, nothing up to now is whole any more."""
        self.newest = event.seq
        if isinstance(event, Dropped):
            self._forgotten = event.seq
        elif not event.optional:
            if len(self._events) == self._events.maxlen:
                self._forgotten = max(self._forgotten, self._events[0].event.seq)
            self._events.append(KeptEvent(event, line))

    def since(self, seq: int, run: str | None) -> tuple[list[KeptEvent], bool]:
        """What came after `seq` of a run, and whether that is all of it. A number of another run is before all here."""
        if run not in {None, self.run} or seq > self.newest:
            seq = 0
        return [kept for kept in self._events if kept.event.seq > seq], seq >= self._forgotten
