"""What all records have in common that kwsd tells the world."""

import json
import re
from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from kwsd.quick_dataclass import dataclass


def now() -> str:
    """The wall clock as ISO 8601 in UTC, to the microsecond. For people: nothing in kwsd computes with it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


_UNPRINTABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Text of others, fit for a terminal or a log, JSON included.

    What commands a terminal or turns the direction of writing is escaped as in JSON: ESC becomes six letters.
    """
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What everything sent has in common."""

    type: ClassVar[str]
    """The name it goes by."""
    optional: ClassVar[bool] = False
    """Whether a subscriber gets it only by naming it."""
    private: ClassVar[bool] = False
    """Whether it is only for those who may change something."""
    if_any: ClassVar[frozenset[str]] = frozenset()
    """Fields that are left out where they are empty."""

    time: str = field(default_factory=now, compare=False)
    """Wall clock when the record was made, ISO 8601 in UTC."""

    def fields(self) -> dict[str, Any]:
        """All of it, `type` and `time` first."""
        return {"type": self.type, **{k: v for k, v in asdict(self).items() if k not in self.if_any or v}}

    def to_dict(self) -> dict[str, Any]:
        """The same without what means nothing in a file."""
        return {name: value for name, value in self.fields().items() if name not in {"id", "time", "seq"}}

    def line(self) -> bytes:
        """The record as it goes over the socket."""
        text = json.dumps(self.fields(), ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace") + b"\n"  # a file's name may hold what is not UTF-8


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Message):
    """A message that has its place among the daemon's events."""

    seq: int = field(default=0, compare=False)
    """Counts the daemon's events from 1 in its run; `subscribe` takes it as `since`. 0 where there is no daemon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Numbered):
    """One of these events."""

    if_any: ClassVar[frozenset[str]] = frozenset({"source"})

    source: str = field(default="", compare=False)
    """Name of the `[[source]]` that it is of; left out where the settings have none."""
