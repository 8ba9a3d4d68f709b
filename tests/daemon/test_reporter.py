"""What is told when less is heard than was asked for, and why: two causes may hold at once."""

import asyncio

from kwsd.daemon.overload import PERSISTS_S, RECOVERS_S
from kwsd.daemon.reporter import Reporter
from kwsd.daemon.state import Standing
from kwsd.daemon.systemd import Notifier
from kwsd.events import Degraded, Event
from kwsd.outlets.bus import Bus
from kwsd.timebase import SAMPLE_RATE

NO_MODEL = "only the fixed commands are heard"


class Teller:
    """A Reporter, and what it says of being degraded."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: list[Event] = []
        bus = Bus(loop)
        bus.listen(self._events.append)
        self.standing = Standing(model="m", microphone="fake")
        self.reporter = Reporter(self.standing, bus, Notifier({}))

    def told(self) -> list[tuple[bool, str]]:
        """The events of that kind so far."""
        self._loop.run_until_complete(asyncio.sleep(0))
        return [(event.active, event.reason) for event in self._events if isinstance(event, Degraded)]

    def fall_behind(self) -> None:
        """Lose sound again and again, until that is no hiccup."""
        for _ in range(round(PERSISTS_S) + 1):
            self.reporter.lost(SAMPLE_RATE)
            self.standing.position_s += 1.0

    def keep_up(self) -> None:
        """Decode for long enough with nothing missing."""
        self.standing.position_s += RECOVERS_S + 1.0
        self.reporter.kept_up()


def test_one_cause_ends_the_other_lasts() -> None:
    """Scenario.

    1. The model cannot be loaded: the fixed set stands in. 2. Decoding falls behind, too. 3. It keeps up again.
    4. The model is loaded after all.

    Result: degraded from 1 to 4, and at 3 everybody is told what still holds.
    """
    with asyncio.Runner() as runner:
        teller = Teller(runner.get_loop())
        teller.reporter.degraded(True, NO_MODEL)
        teller.fall_behind()
        assert teller.standing.degraded
        teller.keep_up()
        assert teller.standing.degraded
        teller.reporter.degraded(False, "back")
        assert not teller.standing.degraded
        assert [active for active, _ in teller.told()] == [True, True, True, False]
        assert teller.told()[2] == (True, NO_MODEL)


def test_overload_alone() -> None:
    with asyncio.Runner() as runner:
        teller = Teller(runner.get_loop())
        teller.fall_behind()
        teller.keep_up()
        assert [active for active, _ in teller.told()] == [True, False]
        assert not teller.standing.degraded


def test_the_status_line_says_why() -> None:
    with asyncio.Runner() as runner:
        teller = Teller(runner.get_loop())
        teller.reporter.heard("fake")
        teller.reporter.degraded(True, NO_MODEL)
        assert teller.standing.summary().endswith(NO_MODEL)
