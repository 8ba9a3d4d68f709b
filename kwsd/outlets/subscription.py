"""What one subscriber wants to be sent, and the bounded queue of what it has yet to be sent."""

import asyncio
from collections import deque
from collections.abc import Iterable

from kwsd.events import DEFAULT_TYPES, Detection, NearMiss
from kwsd.protocol.messages import Dropped
from kwsd.quick_dataclass import dataclass
from kwsd.records import Record

QUEUE_LIMIT = 64  # events: some 20 kB, and minutes of talking to a busy room


@dataclass(frozen=True, slots=True)
class Subscription:
    """A choice of event types and keywords."""

    types: frozenset[str] = DEFAULT_TYPES
    keywords: frozenset[str] | None = None
    """Names of keywords; None means all."""

    def wants(self, event: Record) -> bool:
        """Whether the event is to be sent."""
        if event.type not in self.types:
            return False
        if self.keywords is None or not isinstance(event, Detection | NearMiss):
            return True
        return event.keyword in self.keywords


class Outbox:
    """Lines on their way to one subscriber, for use on the event loop only.

    At most `limit` events wait, and those that it missed before; then the oldest goes, and the subscriber is told how
    many went. Replies are neither counted nor dropped: a connection has only one of them under way.
    """

    def __init__(self, limit: int = QUEUE_LIMIT) -> None:
        self.subscription = Subscription()
        self.dropped = 0
        self._untold = self._untold_seq = 0
        self._limit = limit
        self._resumed = 0
        self._replies: deque[bytes] = deque()
        self._events: deque[tuple[int, bytes]] = deque()
        self._filled = asyncio.Event()
        self._answered = asyncio.Event()
        self._idle = asyncio.Event()

    def put(self, seq: int, line: bytes) -> None:
        """An event, at the end of the queue."""
        if len(self._events) >= self._limit:
            self.lose(1, self._events.popleft()[0])
        self._events.append((seq, line))
        self._idle.clear()
        self._filled.set()

    def resume(self, missed: Iterable[tuple[int, bytes]]) -> None:
        """Events to begin with, instead of those that wait."""
        self._limit -= self._resumed
        self._events = deque(missed)
        self._resumed = len(self._events)
        self._limit += self._resumed
        self._idle.clear()
        self._filled.set()

    def lose(self, count: int, seq: int) -> None:
        """Events up to `seq` that will not come; the subscriber is told before the next one."""
        self._untold += count
        self._untold_seq = seq
        self.dropped += count
        self._filled.set()

    def reply(self, line: bytes) -> None:
        """A reply, before all events."""
        self._replies.append(line)
        self._answered.clear()
        self._idle.clear()
        self._filled.set()

    async def idle(self) -> None:
        """Wait until everything is sent."""
        await self._idle.wait()

    async def answered(self) -> None:
        """Wait until every reply is sent."""
        await self._answered.wait()

    async def next(self) -> bytes:
        """The line to send next, as soon as there is one. To be called when the one before is sent."""
        if not self._replies:
            self._answered.set()
        while not (self._replies or self._untold or self._events):
            self._idle.set()
            self._filled.clear()
            await self._filled.wait()
        if self._replies:
            return self._replies.popleft()
        if self._untold:
            record, self._untold = Dropped(n=self._untold, seq=self._untold_seq), 0
            return record.line()
        return self._events.popleft()[1]
