"""One lenient run, and what every stricter pair of limits would have left of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from measure import scoring
from measure.scoring import Hit
from measure.streams import Stream

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)
MIN_SCORES = (0.0, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4)


@dataclass(frozen=True, slots=True)
class Heard:
    """Everything that a lenient run reported."""

    quiet: tuple[Stream, Sequence[Hit]]
    noisy: tuple[Stream, Sequence[Hit]]
    speech: Mapping[str, Sequence[Hit]]
    """By corpus; every one of them is a false alarm."""
    speech_hours: float


@dataclass(frozen=True, slots=True)
class Point:
    """What a pair of limits gives."""

    threshold: float
    min_score: float
    recall: float
    noisy_recall: float
    false_per_hour: float


def point(heard: Heard, threshold: float, min_score: float, refractory_s: float) -> Point:
    """Applies the limits, then the refractory time, to what was heard."""

    def left(hits: Sequence[Hit]) -> list[Hit]:
        return scoring.stricter(hits, threshold, min_score, refractory_s)

    (quiet, quiet_hits), (noisy, noisy_hits) = heard.quiet, heard.noisy
    false = sum(len(left(hits)) for hits in heard.speech.values())
    return Point(
        threshold,
        min_score,
        scoring.score(quiet.labels, left(quiet_hits)).recall,
        scoring.score(noisy.labels, left(noisy_hits)).recall,
        false / heard.speech_hours,
    )


def by_threshold(heard: Heard, min_score: float, refractory_s: float) -> list[Point]:
    """The curve over the mean score."""
    return [point(heard, threshold, min_score, refractory_s) for threshold in THRESHOLDS]


def by_min_score(heard: Heard, threshold: float, refractory_s: float) -> list[Point]:
    """The curve over the smallest score of any token."""
    return [point(heard, threshold, min_score, refractory_s) for min_score in MIN_SCORES]
