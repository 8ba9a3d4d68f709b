"""How things stand: what `hello` and `status` tell. Changed on the event loop only, by what the threads publish."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

from kwsd.daemon.overload import Overload
from kwsd.events import (
    Degraded,
    Detection,
    Loaded,
    MicLevel,
    MicLost,
    MicRecovered,
    MicSilent,
    Muted,
    Overrun,
    Reloaded,
    ReloadFailed,
    State,
    Unmuted,
)
from kwsd.keywords.keyword import Keyword
from kwsd.records import Record

logger = logging.getLogger(__name__)

OVERLOADED = "decoding is slower than real time: the oldest sound is dropped"


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


class DaemonState:
    """The daemon's state and counters since it started. `apply` alone changes them."""

    def __init__(self, *, model: str, microphone: str) -> None:
        self.model = model
        """What to call the models that hear now."""
        self.microphone = microphone
        """Resolved name, or what was asked for."""
        self.keywords: tuple[str, ...] = ()
        self.keywords_from = "file"
        """`file`, or `socket` where a program's list or thresholds are in force."""
        self.state: State = "waiting"
        self.waiting_because = ""
        """What is wrong with the microphone; empty when nothing is."""
        self.degraded_because = ""
        """Why less is heard than was asked for; empty when it is not."""
        self.level_because = ""
        """What is wrong with the level of the sound, and what to do about it; empty when nothing is."""
        self.reload_failed_because = ""
        """What is wrong with the keyword file; empty when it is in force."""
        self.detections = self.overruns = self.reconnects = self.reloads = self.failed_reloads = 0
        self.lost_ms = 0.0
        self.started_at_s = time.monotonic()
        self._overload = Overload()
        self._overrunning = False
        self._position_s = 0.0
        self._stand_in_because = ""
        self._lost_since_s: float | None = None
        self._level_fault = ""

    def apply(self, record: Record) -> Iterable[Record]:  # noqa: C901, PLR0911, PLR0912  a line per kind, in one place
        """Take note; what is to be told because of it. Changes are logged once each."""
        match record:
            case Detection():
                self.detections += 1
            case Decoded():
                return self._decoded(record)
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
                logger.info("muted: the microphone is closed; `kwsctl unmute` opens it")
            case Unmuted():
                self.state = "waiting"
                logger.info("unmuted: the microphone may be opened")
            case Overrun():
                return self._overrun(record)
            case Degraded():
                self._stand_in_because = record.reason if record.active else ""
                return self._degraded(record.reason, active=record.active)
            case Loaded():
                self.model, self.keywords = record.model, record.keywords
                logger.info("%s is loaded", record.model)
            case Reloaded():
                self.keywords, self.reload_failed_because = record.keywords, ""
                self.reloads += 1
                logger.info("keywords in force: %d", len(record.keywords))
                for problem in record.problems:
                    logger.warning("%s", problem)
            case ReloadFailed():
                self.failed_reloads += 1
                reason = "; ".join(record.problems)
                if reason == self.reload_failed_because:  # told already
                    return ()
                self.reload_failed_because = reason
                logger.error("the old keywords stay in force: %s", reason)
        return (record,)

    @property
    def summary(self) -> str:
        """One line for a person, as systemd shows it."""
        of_whom = "" if self.keywords_from == "file" else " set over the socket"
        counted = f"{len(self.keywords)} keywords{of_whom}, {self.overruns} overruns"
        told = self.level_because, self.degraded_because, self.reload_failed_because
        notes = "".join(f"; {note[:300]}" for note in told if note)
        match self.state:
            case "listening":
                return f'listening to "{self.microphone}", {counted}{notes}'
            case "muted":
                return f"muted, {counted}{notes}"
            case "silent":
                return f"{self.waiting_because}, {counted}{notes}"
        return f'waiting for microphone "{self.microphone}", {counted}{notes}'

    def _hearing(self, record: Hearing) -> Iterable[Record]:
        if self.state in {"listening", "silent"}:  # it paused for less than it takes to be thought lost
            return ()
        self.microphone, self.state, self.waiting_because = record.microphone, "listening", ""
        since_s, self._lost_since_s = self._lost_since_s, None
        if since_s is None:
            logger.info('listening to "%s"', record.microphone)
            return ()
        self.reconnects += 1
        gone_s = round(time.monotonic() - since_s, 3)
        logger.info('microphone "%s" is back after %.1f s', record.microphone, gone_s)
        return (MicRecovered(microphone=record.microphone, after_s=gone_s, attempts=record.attempts),)

    def _mic_lost(self, record: MicLost) -> Iterable[Record]:
        self.state, self.waiting_because = "waiting", record.reason
        self.level_because = self._level_fault = ""
        if self._lost_since_s is not None:
            return ()
        self._lost_since_s = time.monotonic()
        logger.warning("no microphone, trying again until there is one: %s", record.reason)
        return (replace(record, microphone=self.microphone),)

    def _mic_silent(self, record: MicSilent) -> Iterable[Record]:
        if self.state != ("listening" if record.active else "silent"):  # lost or muted since
            return ()
        self.state, self.waiting_because = ("silent", record.reason) if record.active else ("listening", "")
        logger.log(logging.WARNING if record.active else logging.INFO, "%s", record.reason)
        return (record,)

    def _mic_level(self, record: MicLevel) -> Iterable[Record]:
        fault = record.fault if record.active else ""
        if self.state != "listening" or fault == self._level_fault:
            return ()
        self._level_fault, self.level_because = fault, record.reason if record.active else ""
        logger.log(logging.WARNING if record.active else logging.INFO, "%s", record.reason)
        return (record,)

    def _overrun(self, record: Overrun) -> Iterable[Record]:
        self.overruns += 1
        self.lost_ms = record.total_lost_ms
        if not self._overrunning:
            logger.warning("%.0f ms of sound were lost", record.lost_ms)
        self._overrunning = True
        overloaded = self._overload.lost(self._position_s, record.lost_ms / 1000)
        self._position_s += record.lost_ms / 1000
        return [record, *(self._degraded(OVERLOADED, active=True) if overloaded else ())]

    def _decoded(self, record: Decoded) -> Iterable[Record]:
        self._position_s = max(self._position_s, record.position_s)
        self._overrunning = self._overrunning and self._overload.is_losing(self._position_s)
        if self._overload.kept_up(self._position_s):
            return self._degraded("decoding keeps up again", active=False)
        return ()

    def _degraded(self, reason: str, *, active: bool) -> Iterable[Record]:
        """One of two causes came or went; the other may still hold."""
        causes = (self._stand_in_because, OVERLOADED if self._overload.degraded else "")
        self.degraded_because = "; ".join(cause for cause in causes if cause)
        logger.log(logging.WARNING if active else logging.INFO, "%s", reason)
        return (Degraded(active=bool(self.degraded_because), reason=self.degraded_because or reason),)


def labels(keywords: Iterable[Keyword]) -> tuple[str, ...]:
    """Names as events call them, each once, in order; those switched off left out."""
    return tuple(dict.fromkeys(keyword.label for keyword in keywords if keyword.enabled))
