"""What is told of an order that was said: what it means, and its text."""

from typing import ClassVar

from kwsd.quick_dataclass import dataclass
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


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a transcript. Times are seconds of the stream."""

    text: str
    start: float
    end: float
    confidence: float | None
    """0 to 1; null where the transcriber does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript(Record):
    """What was said behind a keyword with `listen = true`, as text; or why there is none."""

    type: ClassVar[str] = "transcript"
    keyword: str | None
    """Name of the keyword; null where the command `listen` was given."""
    since: float
    """Where listening began, as in `speech_start`."""
    text: str
    """Empty where nothing was understood, or something went wrong."""
    words: tuple[SpokenWord, ...] = ()
    """Empty where the transcriber gives no times."""
    confidence: float | None = None
    """Of the whole, 0 to 1; null where the transcriber does not tell."""
    start: float
    """Where the speech begins."""
    end: float
    """Where it ends."""
    transcriber: str
    """Who wrote it: transducer, pipeline or command."""
    latency_ms: float
    """From the end of the speech to this: sound that was waited for, and the time that the transcriber took."""
    error: str | None = None
    """What went wrong, and what to do; null where nothing did. Hearing goes on."""
