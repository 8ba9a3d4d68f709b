"""Events from any thread to outlets of every temper."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from kwsd.events import Detection, Muted, Unmuted
from kwsd.outlets.bus import Bus
from kwsd.records import Record
from testkit.serving import detection


class Keeping:
    """An outlet that keeps what it is given, and may object first."""

    def __init__(self, *kinds: str, objects: Callable[[Record], None] = lambda _: None) -> None:
        self.wants = frozenset(kinds)
        self.got: list[Record] = []
        self.closed = False
        self._objects = objects

    def take(self, event: Record) -> None:
        self._objects(event)
        self.got.append(event)

    async def close(self, deadline_s: float) -> None:
        await asyncio.sleep(deadline_s / 10)
        self.closed = True


async def published(bus: Bus, *records: Record) -> None:
    """From another thread, and delivered."""

    def publish() -> None:
        for record in records:
            bus.publish(record)

    thread = threading.Thread(target=publish)
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0.01)


def test_an_outlet_gets_what_it_wants() -> None:
    async def play() -> None:
        bus, muted, both = Bus(asyncio.get_running_loop()), Keeping("muted"), Keeping("muted", "detection")
        bus.add(muted)
        bus.add(both)
        assert bus.wants("detection")
        assert not bus.wants("level")
        await published(bus, detection(1), Muted(), detection(2))
        assert [event.type for event in muted.got] == ["muted"]
        assert [event.type for event in both.got] == ["detection", "muted", "detection"]

    asyncio.run(play())


def test_an_outlet_that_raises_costs_nobody_else_an_event(caplog: pytest.LogCaptureFixture) -> None:
    """Scenario.

    1. Of three outlets the first fails with every event, the second with one of them.

    Result: the third gets every event, the second all the others; each failure is said once until it works again.
    """

    def always(_: Record) -> None:
        raise ValueError("always")

    def once(event: Record) -> None:
        if isinstance(event, Detection) and event.id == 2:
            raise OSError("once")

    async def play() -> None:
        bus = Bus(asyncio.get_running_loop())
        outlets = [Keeping("detection", objects=objects) for objects in (always, once, lambda _: None)]
        for outlet in outlets:
            bus.add(outlet)
        await published(bus, *map(detection, range(5)))
        assert [len(outlet.got) for outlet in outlets] == [0, 4, 5]

    asyncio.run(play())
    assert sorted(record.getMessage() for record in caplog.records) == [
        "Keeping cannot take detection: always",
        "Keeping cannot take detection: once",
    ]


def test_all_are_closed_at_once_whatever_one_does(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Keeping):
        async def close(self, deadline_s: float) -> None:
            raise RuntimeError(f"in {deadline_s} s")

    async def play() -> float:
        loop = asyncio.get_running_loop()
        bus, outlets = Bus(loop), [Keeping(), Failing(), Keeping()]
        for outlet in outlets:
            bus.add(outlet)
        began_s = loop.time()
        await bus.close(1.0)
        assert [outlet.closed for outlet in outlets] == [True, False, True]
        return loop.time() - began_s

    assert asyncio.run(play()) < 0.19
    assert "did not close" in caplog.text


def test_records_are_applied_before_anybody_is_told() -> None:
    """What `apply` makes of a record is what outlets get, in the order of the records."""

    async def play() -> list[str]:
        bus = Bus(asyncio.get_running_loop(), lambda record: (record, Unmuted()) if isinstance(record, Muted) else ())
        keeping = Keeping("detection", "muted", "unmuted")
        bus.add(keeping)
        await published(bus, detection(1), Muted())
        bus.tell(Muted())
        return [event.type for event in keeping.got]

    assert asyncio.run(play()) == ["muted", "unmuted"] * 2
