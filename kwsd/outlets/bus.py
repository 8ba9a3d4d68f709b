"""The bridge from the decoding thread to everybody who wants to know: publishing never waits for anyone."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable

from kwsd.events import Event
from kwsd.outlets.subscription import Outbox

logger = logging.getLogger(__name__)

INBOX_LIMIT = 1024  # events between two turns of the event loop; more than a second of the worst storm


class Bus:
    """Events go in from any thread; on the event loop they go to listeners and outboxes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.wanted: frozenset[str] = frozenset()
        """Event types that some subscriber wants; what nobody wants need not be made. Read from any thread."""
        self._loop = loop
        self._inbox: deque[tuple[int, Event]] = deque(maxlen=INBOX_LIMIT)
        self._publishing = threading.Lock()
        self._published = 0
        self._delivered = 0
        self._outboxes: set[Outbox] = set()
        self._listeners: list[Callable[[Event], None]] = []
        self._dropped_by_gone = 0

    def publish(self, event: Event) -> None:
        """Hand an event over. Any thread, waits for nobody; dropped when the loop is closed."""
        with self._publishing:
            self._inbox.append((self._published, event))
            self._published += 1
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed: the last moments of a shutdown
            logger.debug("event after the end: %s", event.type)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have every event passed to a function on the event loop. It must not block."""
        self._listeners.append(listener)

    def attach(self, outbox: Outbox) -> None:
        """Start sending to a subscriber."""
        self._outboxes.add(outbox)
        self.renew_wanted()

    def detach(self, outbox: Outbox) -> None:
        """Stop sending to a subscriber; harmless when it is not attached."""
        if outbox in self._outboxes:
            self._outboxes.remove(outbox)
            self._dropped_by_gone += outbox.dropped
        self.renew_wanted()

    def renew_wanted(self) -> None:
        """To be called when a subscription has changed."""
        self.wanted = frozenset().union(*(outbox.subscription.types for outbox in self._outboxes))

    @property
    def subscribers(self) -> int:
        """How many are attached."""
        return len(self._outboxes)

    @property
    def dropped(self) -> int:
        """Events not sent to slow subscribers, in all."""
        return self._dropped_by_gone + sum(outbox.dropped for outbox in self._outboxes)

    def _deliver(self) -> None:
        while self._inbox:
            number, event = self._inbox.popleft()
            self._own_up(number - self._delivered)
            self._delivered = number + 1
            for listener in self._listeners:
                listener(event)
            self._send(event)

    def _own_up(self, lost: int) -> None:
        """Tell every subscriber of events that the inbox had no room for, whatever they were."""
        if lost:
            for outbox in self._outboxes:
                outbox.lose(lost)

    def _send(self, event: Event) -> None:
        wanting = [outbox for outbox in self._outboxes if outbox.subscription.wants(event)]
        if wanting:
            line = event.line()
            for outbox in wanting:
                outbox.put(line)
