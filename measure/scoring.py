"""What counts as found and what as false, and what a stricter threshold would have left."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kwsd.events import Detection
from kwsd.timebase import SAMPLE_RATE

LATE_S = 1.5  # a report may come this long after the clip's end and still belong to it
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Label:
    """A phrase that is really there."""

    start_s: float
    end_s: float
    phrase: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that an engine reported."""

    phrase: str
    time_s: float
    """Where the engine says it ended; the peer says nothing, so there it is `heard_s`."""
    heard_s: float
    """Seconds of audio fed when the report came."""
    score: float = 1.0
    min_score: float = 1.0
    start_s: float = 0.0
    """First token, as the engine gives it."""


@dataclass(frozen=True, slots=True)
class Score:
    """Hits against labels."""

    found: Mapping[str, int]
    total: Mapping[str, int]
    false: int
    hours: float
    """Sound listened to: up to the end of the last label, or of the audio."""
    trials: int = 1
    """Recordings that it came in."""

    @property
    def per_phrase(self) -> dict[str, float]:
        """Recall of each phrase, 0 to 1."""
        return {phrase: self.found.get(phrase, 0) / count for phrase, count in sorted(self.total.items())}

    @property
    def recall(self) -> float:
        """Mean over the phrases of their recalls; 0 where nothing was to be found."""
        return sum(self.per_phrase.values()) / len(self.per_phrase) if self.total else 0.0

    @property
    def false_per_hour(self) -> float:
        """False alarms per hour of sound."""
        return self.false / self.hours if self.hours else 0.0

    @property
    def false_per_trial(self) -> float:
        """False alarms per recording."""
        return self.false / self.trials


def match(labels: Sequence[Label], hits: Sequence[Hit]) -> list[Hit | None]:
    """The hit that belongs to each label: the first unused one of its phrase in [start, end + LATE_S]."""
    used: set[int] = set()
    matched: list[Hit | None] = []
    for label in labels:
        index = next((i for i, hit in enumerate(hits) if i not in used and belongs(hit, label)), None)
        matched.append(None if index is None else hits[index])
        if index is not None:
            used.add(index)
    return matched


def belongs(hit: Hit, label: Label) -> bool:
    """Whether the hit may count as this label's."""
    return hit.phrase == label.phrase and label.start_s <= hit.time_s <= label.end_s + LATE_S


def score(labels: Sequence[Label], hits: Sequence[Hit], hours: float | None = None) -> Score:
    """Recall and false alarms; without `hours` the stream is as long as its last label says."""
    matched = match(labels, hits)
    found = Counter(label.phrase for label, hit in zip(labels, matched, strict=True) if hit is not None)
    total = Counter(label.phrase for label in labels)
    length = labels[-1].end_s / SECONDS_PER_HOUR if hours is None else hours
    return Score(found, total, len(hits) - sum(found.values()), length)


def stricter(hits: Iterable[Hit], threshold: float, min_score: float, refractory_s: float) -> list[Hit]:
    """What would have been left of the hits: those that pass both limits and come late enough after their like."""
    kept: list[Hit] = []
    last: dict[str, float] = {}
    for hit in hits:
        if hit.score < threshold or hit.min_score < min_score:
            continue
        if hit.time_s - last.get(hit.phrase, -refractory_s) >= refractory_s:
            kept.append(hit)
            last[hit.phrase] = hit.time_s
    return kept


def shifted(hits: Iterable[Hit], by_s: float) -> list[Hit]:
    """The same hits on a clock that started `by_s` earlier."""
    return [
        replace(hit, time_s=hit.time_s + by_s, heard_s=hit.heard_s + by_s, start_s=hit.start_s + by_s) for hit in hits
    ]


def hit_of(detection: Detection, fed: int) -> Hit:
    """A detection as the scoring sees it; `fed` samples had been given when it came."""
    return Hit(
        phrase=detection.phrase,
        time_s=detection.end,
        heard_s=fed / SAMPLE_RATE,
        score=detection.score,
        min_score=detection.min_score,
        start_s=detection.timestamps[0],
    )
