"""Recall against false alarms per hour, per keyword: a lenient search of kept frames for each boost, then counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from typing import Any

from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.search.settings import SearchSettings
from kwsd.stream import Frames
from kwsd.tuning.hear import LENIENT, best_score, least_per_hour, listen, most_per_hour, threshold_for

THRESHOLDS = tuple(round(LENIENT + 0.02 * step, 2) for step in range(40))
TELLING_HITS = 3.0  # none seen where three were to be expected: the rate is lower, at 95 % (the "rule of three")
FEW_RECORDINGS = 10
SURE = 0.975  # on either side, so that 95 % lie between
NORMAL_95 = 1.96
BETTER = 0.02  # of recall that another boost must bring

Takes = Sequence[Sequence[Frames]]


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold gives; intervals hold 95 %."""

    threshold: float
    recall: float
    recall_low: float
    recall_high: float
    false_per_hour: float
    false_low: float
    false_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One keyword at one boost."""

    keyword: str
    boost: float
    recordings: int
    """In which it is said."""
    hours: float
    """In which it is not."""
    points: tuple[Point, ...]
    now: Point
    """At the threshold in force."""
    proposed: Point
    """The lowest threshold with no more false alarms than wanted."""
    doubts: tuple[str, ...] = field(default=())
    """Why the material is too little to tell."""


@dataclass(frozen=True, slots=True)
class Positives:
    """Recordings of one keyword, as frames, and of what was wrongly taken for it."""

    right: Takes
    wrong: Takes = ()


def sweep(
    model: Model,
    keywords: Sequence[Keyword],
    positives: Mapping[str, Positives],
    background: Callable[[], Iterable[Frames]],
    *,
    hours: float,
    per_hour: float,
    boosts: Sequence[float] = (),
    settings: SearchSettings | None = None,
    done: Callable[[int], None] = lambda _samples: None,
) -> list[Curve]:
    """The best curve of each keyword that has recordings (by label): at its boost, or at another that hears more.

    `background` is read again for every boost; `done` is told of samples that are searched. Raises ConfigError.
    """
    search = (settings or SearchSettings()).over(model.description.search)
    tuned = [keyword for keyword in keywords if keyword.label in positives]
    best: dict[str, Curve] = {}
    for boost in dict.fromkeys((None, *boosts)):
        tried = [keyword if boost is None else replace(keyword, boost=boost) for keyword in tuned]
        false = listen(model, tried, background(), search, done)
        for keyword in tried:
            said = positives[keyword.label]
            right, wrong = (
                [best_score(model, keyword, take, search, done) for take in takes] for takes in (said.right, said.wrong)
            )
            false_scores = [hit.score for hit in false[keyword.label]] + [score for score in wrong if score]
            curve = curve_of(keyword, right, false_scores, hours=hours, per_hour=per_hour, search=search)
            known = best.get(keyword.label)
            if known is None or curve.proposed.recall > known.proposed.recall + BETTER:
                best[keyword.label] = curve
    return list(best.values())


def curve_of(
    keyword: Keyword,
    scores: Sequence[float],
    false_scores: Sequence[float],
    *,
    hours: float,
    per_hour: float,
    search: SearchSettings,
) -> Curve:
    """Count at every threshold, and propose one."""

    def point(threshold: float) -> Point:
        heard, wrong = (sum(score >= threshold for score in some) for some in (scores, false_scores))
        low, high = share_between(heard, len(scores))
        return Point(
            threshold,
            heard / len(scores) if scores else 0.0,
            low,
            high,
            wrong / hours if hours else 0.0,
            least_per_hour(wrong, hours, SURE) if hours else 0.0,
            most_per_hour(wrong, hours, SURE) if hours else math.inf,
        )

    doubts = []
    if len(scores) < FEW_RECORDINGS:
        low, high = share_between(round(len(scores) / 2), len(scores))
        doubts.append(f"{len(scores)} recordings tell recall to within {50 * (high - low):.0f} points only")
    tells = hours * per_hour >= TELLING_HITS
    if not tells:
        needed = TELLING_HITS / per_hour
        doubts.append(f"{hours:.2g} h cannot show {per_hour:g}/h, {needed:.0f} h could: the threshold is extrapolated")
    now = search.threshold if keyword.threshold is None else keyword.threshold
    return Curve(
        keyword=keyword.label,
        boost=search.boost if keyword.boost is None else keyword.boost,
        recordings=len(scores),
        hours=hours,
        points=tuple(map(point, THRESHOLDS)),
        now=point(now),
        proposed=point(threshold_for(false_scores, hours, per_hour, LENIENT if tells else now)),
        doubts=tuple(doubts),
    )


def share_between(heard: int, total: int) -> tuple[float, float]:
    """Where a share lies at 95 % (Wilson's score interval)."""
    if not total:
        return 0.0, 1.0
    share, z = heard / total, NORMAL_95
    middle = share + z * z / (2 * total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    low, high = ((middle + sign * half) / (1 + z * z / total) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def changes_of(curve: Curve, keyword: Keyword, search: SearchSettings) -> dict[str, Any]:
    """What the keyword file would have to say for the proposed point."""
    boost = search.boost if keyword.boost is None else keyword.boost
    return {"threshold": curve.proposed.threshold, **({"boost": curve.boost} if curve.boost != boost else {})}
