"""What is told of a sentence that was said."""

from dataclasses import dataclass
from typing import Any, ClassVar

from kwsd.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentSlot:
    """A part of a sentence that the user gave a name. Times are seconds of sound since the daemon started."""

    name: str
    value: str | int | float | bool | None
    """What the list says it means; a number where it is a range."""
    text: str
    """The words of it; empty where the sentence has the value whatever is said."""
    start: float | None
    end: float | None
    score: float | None
    """Mean posterior of its units, 0 to 1; null, as the times, where it was not said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Record):
    """A sentence was said that the user wrote down, or something near one."""

    type: ClassVar[str] = "intent"
    intent: str
    """Its name in the file; of the nearest sentence where it is rejected."""
    slots: tuple[IntentSlot, ...]
    text: str
    """The words heard, or where it is rejected those of the sentence that were."""
    start: float
    """Where its first unit was heard."""
    end: float
    """Where its last unit ends."""
    score: float
    """How probable it is beside any other text, per unit, 0 to 1."""
    threshold: float
    """What `score` had to reach."""
    rejected: bool
    """Whether it did not, or words of the sentence were missing."""
    nearest: str | None
    """The whole of the nearest sentence where it is rejected; null where it is not."""
    stream_time: float
    """Seconds of sound that had to arrive before this could be decided."""
    latency_ms: float
    """`stream_time` minus `end`, in milliseconds of sound."""

    def to_dict(self) -> dict[str, Any]:
        """What was heard as JSON-ready values, `type` first; without what means nothing in a file."""
        return {name: value for name, value in self.fields().items() if name not in {"time", "seq"}}
