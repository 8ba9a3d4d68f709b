"""How things stand with one source: what `hello` and `status` tell. Changed on the event loop only."""

import logging
import time
from collections.abc import Iterable

from kwsd.daemon.source_state import SourceState
from kwsd.events import Degraded, Detection, Loaded, Reloaded, ReloadFailed
from kwsd.keywords.keyword import Keyword
from kwsd.records import Record

logger = logging.getLogger(__name__)

KEEPS_UP = "decoding keeps up again"
OVERLOADED = "decoding is slower than real time: the oldest sound is dropped"


class DaemonState:
    """State and counters of a source and its keywords since the start. `apply` alone changes them."""

    def __init__(self, *, model: str, microphone: str, name: str = "") -> None:
        """`name` is that of the `[[source]]`, where there are several."""
        self.model = model
        """What to call the models that hear now."""
        self.source = SourceState(microphone, name)
        """What is listened to."""
        self.keywords: tuple[str, ...] = ()
        self.keywords_from = "file"
        """`file`, or `socket` where a program's list or thresholds are in force."""
        self.degraded_because = ""
        """Why less is heard than was asked for; empty when it is not."""
        self.reload_failed_because = ""
        """What is wrong with the keyword file; empty when it is in force."""
        self.detections = self.reloads = self.failed_reloads = 0
        self.started_at_s = time.monotonic()
        self._stand_in_because = ""

    def apply(self, record: Record) -> Iterable[Record]:
        """Take note; what is to be told because of it. Changes are logged once each."""
        match record:
            case Detection():
                self.detections += 1
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
            case _:
                behind = self.source.overload.degraded
                told = self.source.apply(record)
                if self.source.overload.degraded == behind:
                    return told
                reason = KEEPS_UP if behind else OVERLOADED
                return [*told, *self._degraded(reason, active=not behind)]
        return (record,)

    @property
    def summary(self) -> str:
        """One line for a person, as systemd shows it."""
        source = self.source
        of_whom = "" if self.keywords_from == "file" else " set over the socket"
        counted = f"{len(self.keywords)} keywords{of_whom}, {source.overruns} overruns"
        told = source.level_because, self.degraded_because, self.reload_failed_because
        notes = "".join(f"; {note[:300]}" for note in told if note)
        match source.state:
            case "listening":
                return f'listening to "{source.microphone}", {counted}{notes}'
            case "muted":
                return f"muted, {counted}{notes}"
            case "silent":
                return f"{source.waiting_because}, {counted}{notes}"
        return f'waiting for microphone "{source.microphone}", {counted}{notes}'

    def _degraded(self, reason: str, *, active: bool) -> Iterable[Record]:
        """One of two causes came or went; the other may still hold."""
        causes = (self._stand_in_because, OVERLOADED if self.source.overload.degraded else "")
        self.degraded_because = "; ".join(cause for cause in causes if cause)
        logger.log(logging.WARNING if active else logging.INFO, "%s", reason)
        return (Degraded(active=bool(self.degraded_because), reason=self.degraded_because or reason),)


def labels(keywords: Iterable[Keyword]) -> tuple[str, ...]:
    """Names as events call them, each once, in order; those switched off left out."""
    return tuple(dict.fromkeys(keyword.label for keyword in keywords if keyword.enabled))
