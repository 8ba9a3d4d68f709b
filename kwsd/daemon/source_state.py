"""How things stand with one source of sound: open or not, why not, and what was lost of it. On the event loop only."""

import logging
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

from kwsd.daemon.overload import Overload
from kwsd.events import MicLevel, MicLost, MicRecovered, MicSilent, Muted, Overrun, State, Unmuted
from kwsd.quick_dataclass import dataclass
from kwsd.records import Record

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing(Record):
    """From the capture thread: sound comes from a microphone that has just been opened. Not told as it is."""

    type: ClassVar[str] = "hearing"
    microphone: str
    attempts: int
    """To open it, the successful one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded(Record):
    """From the event loop, once a second: how far decoding has come. Not told as it is."""

    type: ClassVar[str] = "decoded"
    position_s: float


class SourceState:
    """State and counters of a source since the daemon started. `apply` alone changes them."""

    def __init__(self, microphone: str, name: str = "") -> None:
        """`name` is that of the `[[source]]`, where there are several."""
        self._of = f"{name}: " if name else ""
        self.microphone = microphone
        """Resolved name, or what was asked for."""
        self.state: State = "waiting"
        self.waiting_because = ""
        """What is wrong with the microphone; empty when nothing is."""
        self.level_because = ""
        """What is wrong with the level of the sound, and what to do about it; empty when nothing is."""
        self.overruns = self.reconnects = 0
        self.lost_ms = 0.0
        self.overload = Overload()
        """Whether decoding falls behind with it."""
        self._overrunning = False
        self._level_fault = ""
        self._position_s = 0.0
        self._lost_since_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether sound is being read from it."""
        return self.state in {"listening", "silent"}

    def apply(self, record: Record) -> Iterable[Record]:
        """Take note; what is to be told because of it. Changes are logged once each."""
        match record:
            case Decoded():
                self._position_s = max(self._position_s, record.position_s)
                self._overrunning = self._overrunning and self.overload.is_losing(self._position_s)
                self.overload.kept_up(self._position_s)
                return ()
            case Hearing():
                return self._hearing(record)
            case MicLost():
                return self._mic_lost(record)
            case MicSilent():
                return self._mic_silent(record)
            case MicLevel():
                return self._mic_level(record)
            case Muted():
                self.state, self.waiting_because, self._lost_since_s = "muted", "", None
                self.level_because = self._level_fault = ""
                logger.info("%smuted: the microphone is closed; `kwsctl unmute` opens it", self._of)
            case Unmuted():
                self.state = "waiting"
                logger.info("%sunmuted: the microphone may be opened", self._of)
            case Overrun():
                self.overruns += 1
                self.lost_ms = record.total_lost_ms
                if not self._overrunning:
                    logger.warning("%s%.0f ms of sound were lost", self._of, record.lost_ms)
                self._overrunning = True
                self.overload.lost(self._position_s, record.lost_ms / 1000)
                self._position_s += record.lost_ms / 1000
        return (record,)

    def _hearing(self, record: Hearing) -> Iterable[Record]:
        if self.is_open:  # it paused for less than it takes to be thought lost
            return ()
        self.microphone, self.state, self.waiting_because = record.microphone, "listening", ""
        since_s, self._lost_since_s = self._lost_since_s, None
        if since_s is None:
            logger.info('%slistening to "%s"', self._of, record.microphone)
            return ()
        self.reconnects += 1
        gone_s = round(time.monotonic() - since_s, 3)
        logger.info('%smicrophone "%s" is back after %.1f s', self._of, record.microphone, gone_s)
        return (MicRecovered(microphone=record.microphone, after_s=gone_s, attempts=record.attempts),)

    def _mic_lost(self, record: MicLost) -> Iterable[Record]:
        self.state, self.waiting_because = "waiting", record.reason
        self.level_because = self._level_fault = ""
        if self._lost_since_s is not None:
            return ()
        self._lost_since_s = time.monotonic()
        logger.warning("%sno microphone, trying again until there is one: %s", self._of, record.reason)
        return (replace(record, microphone=self.microphone),)

    def _mic_silent(self, record: MicSilent) -> Iterable[Record]:
        if self.state != ("listening" if record.active else "silent"):  # lost or muted since
            return ()
        self.state, self.waiting_because = ("silent", record.reason) if record.active else ("listening", "")
        logger.log(logging.WARNING if record.active else logging.INFO, "%s%s", self._of, record.reason)
        return (record,)

    def _mic_level(self, record: MicLevel) -> Iterable[Record]:
        fault = record.fault if record.active else ""
        if self.state != "listening" or fault == self._level_fault:
            return ()
        self._level_fault, self.level_because = fault, record.reason if record.active else ""
        logger.log(logging.WARNING if record.active else logging.INFO, "%s%s", self._of, record.reason)
        return (record,)
