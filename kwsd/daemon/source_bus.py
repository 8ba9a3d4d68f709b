"""The bus as one of several sources sees it: what it tells bears its name, and its outlets are given its own only."""

from dataclasses import replace

from kwsd.outlets.bus import Bus
from kwsd.outlets.interface import Outlet
from kwsd.quick_dataclass import dataclass
from kwsd.records import Record


@dataclass(frozen=True, slots=True)
class NamedBus:
    """Of the source of that name."""

    name: str
    bus: Bus

    def wants(self, kind: str) -> bool:
        """Whether some outlet wants events of a type."""
        return self.bus.wants(kind)

    def publish(self, record: Record) -> None:
        """Hand a record over, with the name. Any thread."""
        self.bus.publish(replace(record, source=self.name))

    def tell(self, record: Record) -> None:
        """The same on the event loop, at once."""
        self.bus.tell(replace(record, source=self.name))


@dataclass(frozen=True, slots=True, eq=False)
class OfSource:
    """An outlet that takes what is of one source."""

    name: str
    outlet: Outlet

    @property
    def wants(self) -> frozenset[str]:
        """As the outlet does."""
        return self.outlet.wants

    def take(self, event: Record) -> None:
        """An event of that source; others are passed over."""
        if event.source == self.name:
            self.outlet.take(event)

    async def close(self, deadline_s: float) -> None:
        """Close the outlet."""
        await self.outlet.close(deadline_s)
