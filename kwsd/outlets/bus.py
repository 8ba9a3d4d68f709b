"""The bridge from every thread to the outlets: publishing never waits for anyone, and no outlet waits for another."""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from kwsd.outlets.interface import Outlet
from kwsd.protocol.messages import Dropped
from kwsd.records import Record

logger = logging.getLogger(__name__)

INBOX_LIMIT = 1024  # events between two turns of the event loop; more than a second of the worst storm


class Bus:
    """Records go in from any thread; on the event loop `apply` makes events of them, numbered, for the outlets."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, apply: Callable[[Record], Iterable[Record]] = lambda record: (record,)
    ) -> None:
        """`apply` is given every record in order, and returns what is to be told because of it."""
        self._loop = loop
        self._apply = apply
        self._inbox: deque[tuple[int, Record]] = deque(maxlen=INBOX_LIMIT)
        self._publishing = threading.Lock()
        self._published = self._delivered = self._numbered = 0
        self._outlets: tuple[Outlet, ...] = ()
        self._failing: set[Outlet] = set()

    def add(self, outlet: Outlet) -> None:
        """From now on this one is given what it wants, after those added before."""
        self._outlets += (outlet,)

    def wants(self, kind: str) -> bool:
        """Whether some outlet wants events of a type: what nobody wants need not be made. Any thread."""
        return any(kind in outlet.wants for outlet in self._outlets)

    def publish(self, record: Record) -> None:
        """Hand a record over. Any thread, waits for nobody; dropped when the loop is closed."""
        with self._publishing:
            self._inbox.append((self._published, record))
            self._published += 1
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed: the last moments of a shutdown
            logger.debug("event after the end: %s", record.type)

    def tell(self, record: Record) -> None:
        """`publish` on the event loop: at once, before whatever other threads have handed over meanwhile."""
        for event in self._apply(record):
            self._give(event)

    async def close(self, deadline_s: float) -> None:
        """Close every outlet, all at the same time."""
        self._deliver()
        closings = [outlet.close(deadline_s) for outlet in self._outlets]
        for failure in await asyncio.gather(*closings, return_exceptions=True):
            if failure is not None:
                logger.error("an outlet did not close: %r", failure)

    def _deliver(self) -> None:
        while self._inbox:
            number, record = self._inbox.popleft()
            lost = number - self._delivered
            self._delivered = number + 1
            if lost:  # the inbox had no room for them, whatever they were
                self._give(Dropped(n=lost))
            self.tell(record)

    def _give(self, event: Record) -> None:
        """To every outlet that wants it. The mistake of one is its own; it is said once until that one works again."""
        self._numbered += 1
        event = replace(event, seq=self._numbered)
        for outlet in self._outlets:
            if event.type not in outlet.wants:
                continue
            try:
                outlet.take(event)
            except Exception as error:
                if outlet not in self._failing:
                    self._failing.add(outlet)
                    logger.exception("%s cannot take %s: %s", type(outlet).__name__, event.type, error)  # noqa: TRY401
            else:
                self._failing.discard(outlet)
