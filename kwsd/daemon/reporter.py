"""Changes of state, told once each: one log line, one event, the status line of the service manager."""

import logging
import time
from collections.abc import Sequence
from enum import Enum

from kwsd.daemon.overload import Overload
from kwsd.daemon.state import Standing, labels
from kwsd.daemon.systemd import Notifier
from kwsd.events import (
    Degraded,
    Event,
    Loaded,
    MicLost,
    MicRecovered,
    Muted,
    Overrun,
    Reloaded,
    ReloadFailed,
    Unmuted,
)
from kwsd.keywords.keyword import Keyword
from kwsd.outlets.bus import Bus
from kwsd.timebase import SAMPLE_RATE

logger = logging.getLogger(__name__)


class Cause(Enum):
    """Of hearing less than was asked for."""

    STAND_IN = "stand-in"
    OVERLOAD = "overload"


class Reporter:
    """Keeps `standing` and tells what becomes of it. Each method belongs to one thread, as its room says."""

    def __init__(self, standing: Standing, bus: Bus, notifier: Notifier) -> None:
        self.standing = standing
        self._bus = bus
        self._notifier = notifier
        self._overload = Overload()
        self._shortfalls: dict[Cause, str] = {}
        self._lost_since_s: float | None = None
        self._attempts = 0
        self._overrunning = False

    # From the capture thread; `mic_lost` also from the event loop, when the capture thread hangs.

    def attempt(self) -> None:
        """The microphone is about to be opened."""
        self._attempts += 1

    def heard(self, microphone: str) -> None:
        """Sound came from it."""
        if self.standing.state == "listening":
            return
        self.standing.microphone = microphone
        self.standing.state = "listening"
        self.standing.waiting_because = ""
        since_s, self._lost_since_s = self._lost_since_s, None
        if since_s is None:
            self._tell(None, logging.INFO, 'listening to "%s"', microphone)
        else:
            self.standing.reconnects += 1
            gone_s = round(time.monotonic() - since_s, 3)
            event = MicRecovered(microphone=microphone, after_s=gone_s, attempts=self._attempts)
            self._tell(event, logging.INFO, 'microphone "%s" is back after %.1f s', microphone, gone_s)
        self._attempts = 0

    def mic_lost(self, reason: str) -> None:
        """It could not be opened, failed or fell silent."""
        self.standing.state = "waiting"
        self.standing.waiting_because = reason
        if self._lost_since_s is not None:
            return
        self._lost_since_s = time.monotonic()
        event = MicLost(microphone=self.standing.microphone, reason=reason)
        self._tell(event, logging.WARNING, "no microphone, trying again until there is one: %s", reason)

    def muted(self) -> None:
        """The microphone is closed."""
        self.standing.state = "muted"
        self.standing.waiting_because = ""
        self._lost_since_s = None
        self._tell(Muted(), logging.INFO, "muted: the microphone is closed")

    def unmuted(self) -> None:
        """It may be opened again."""
        self.standing.state = "waiting"
        self._attempts = 0
        self._tell(Unmuted(), logging.INFO, "unmuted")

    # From the decoding thread.

    def lost(self, samples: int) -> None:
        """Sound is missing from the present position on."""
        standing = self.standing
        lost_ms = samples * 1000 / SAMPLE_RATE
        standing.overruns += 1
        standing.lost_ms = round(standing.lost_ms + lost_ms, 3)
        event = Overrun(lost_ms=round(lost_ms, 3), total_lost_ms=standing.lost_ms)
        if self._overrunning:
            self._bus.publish(event)
        else:
            self._tell(event, logging.WARNING, "%.0f ms of sound were lost", lost_ms)
        self._overrunning = True
        if self._overload.lost(standing.position_s, lost_ms / 1000):
            self.degraded(True, "decoding is slower than real time: the oldest sound is dropped", Cause.OVERLOAD)

    def kept_up(self) -> None:
        """Sound was decoded with nothing missing before it."""
        self._overrunning = self._overrunning and self._overload.is_losing(self.standing.position_s)
        if self._overload.kept_up(self.standing.position_s):
            self.degraded(False, "decoding keeps up again", Cause.OVERLOAD)

    def degraded(self, active: bool, reason: str, cause: Cause = Cause.STAND_IN) -> None:
        """Less is heard than was asked for, or no longer because of this; another cause may still hold."""
        self._shortfalls.pop(cause, None)
        if active:
            self._shortfalls[cause] = reason
        self.standing.degraded_because = "; ".join(self._shortfalls.values())
        event = Degraded(active=self.standing.degraded, reason=self.standing.degraded_because or reason)
        self._tell(event, logging.WARNING if active else logging.INFO, "%s", reason)

    def loaded(self, model: str, keywords: Sequence[Keyword]) -> None:
        """A model that could not be loaded at the start hears after all, for these keywords."""
        self.standing.model = model
        self.standing.keywords = labels(keywords)
        self._bus.publish(Loaded(model=model, keywords=self.standing.keywords))
        self._tell(Reloaded(keywords=self.standing.keywords), logging.INFO, "%s is loaded", model)

    # From the event loop.

    def reloaded(self, keywords: tuple[str, ...], problems: tuple[str, ...]) -> None:
        """A new list is in force."""
        self.standing.keywords = keywords
        self.standing.reloads += 1
        self._tell(Reloaded(keywords=keywords, problems=problems), logging.INFO, "keywords in force: %d", len(keywords))
        for problem in problems:
            logger.warning("%s", problem)

    def reload_failed(self, problems: tuple[str, ...]) -> None:
        """A new list is unusable."""
        self.standing.failed_reloads += 1
        event = ReloadFailed(problems=problems)
        self._tell(event, logging.ERROR, "the old keywords stay in force: %s", "; ".join(problems))

    def _tell(self, event: Event | None, level: int, message: str, *details: object) -> None:
        logger.log(level, message, *details)
        if event is not None:
            self._bus.publish(event)
        self._notifier.send(STATUS=self.standing.summary())
