"""What a place where events go looks like to the bus."""

from typing import Protocol

from kwsd.records import Record


class Publisher(Protocol):
    """What whoever has something to tell knows of the bus."""

    def wants(self, kind: str) -> bool:
        """Whether some outlet wants events of a type. Any thread."""
        ...

    def publish(self, record: Record) -> None:
        """Hand a record over. Any thread, waits for nobody."""
        ...


class Outlet(Protocol):
    """All of it is called on the event loop. An outlet that may have to wait does so on a thread of its own."""

    @property
    def wants(self) -> frozenset[str]:
        """Types of the events to be given; may change at any time."""
        ...

    def take(self, event: Record, /) -> None:
        """The next event. Never blocks; what it raises is logged, and the next event is given all the same."""
        ...

    async def close(self, deadline_s: float, /) -> None:
        """No more will come: deliver what was taken, for so long at most."""
        ...
