"""Choose a model's search settings on dev material, write them into its model.toml, and draw the curve.

A lenient run per boost and margins keeps every hit with its score; thresholds are then tried after the fact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from kwsd.acoustic.model import Model
from kwsd.models.description import DESCRIPTION
from kwsd.search.settings import SearchSettings
from measure import scoring
from measure.plots import canvas
from training.zipformer.data.trials import ROWS, Row
from training.zipformer.description import write_search
from training.zipformer.evaluate import HEADER, OPERATING_POINT, WORK, line, score, settings_of
from training.zipformer.hearing import Heard, frame_path, hear

BOOSTS = (1.5,)
MARGINS = (0.0,)
PER_TOKEN = (-0.75, -1.0)
ALONE = (-6.0,)
RUNNING = (0.0, 0.6, 0.66, 0.72)
THRESHOLDS = tuple(round(0.1 + 0.04 * step, 2) for step in range(21))
MIN_SCORES = (0.0, 0.001, 0.005, 0.02)
LENIENT = {"threshold": THRESHOLDS[0], "min_score": 0.0, "refractory_s": 0.0}
MOST_FALSE_PER_HOUR = 1.0  # of the wake words
MOST_FALSE_PER_UTTERANCE = 0.1  # of the words in running speech
PRICES = {"words": 0.3, "commands": 1.0, "phrases": 1.0}
"""What a false hit per recording takes from a recall; words such as WHICH in running speech are no use but to tell
models apart."""
CURVE = "curve.png"


@dataclass(frozen=True)
class Point:
    """An operating point and what it gives, row by row."""

    boost: float
    min_margin: float
    margin_per_token: float
    alone_margin: float
    running_threshold: float
    threshold: float
    min_score: float
    scores: Mapping[str, scoring.Score]

    @property
    def allowed(self) -> bool:
        """Whether false alarms stay within what is accepted."""
        return (
            self.scores["wakewords"].false_per_hour <= MOST_FALSE_PER_HOUR
            and self.scores["words"].false_per_trial <= MOST_FALSE_PER_UTTERANCE
        )

    @property
    def worth(self) -> float:
        """Mean recall over the rows, less what is heard wrongly in the rows of short recordings, at its price."""
        losses = sum(price * self.scores[name].false_per_trial for name, price in PRICES.items() if name in self.scores)
        return (sum(score.recall for score in self.scores.values()) - losses) / len(self.scores)


@dataclass(frozen=True)
class Grid:
    """What to try, in every combination."""

    boosts: Sequence[float] = BOOSTS
    min_margins: Sequence[float] = MARGINS
    margins_per_token: Sequence[float] = PER_TOKEN
    alone_margins: Sequence[float] = ALONE
    running_thresholds: Sequence[float] = RUNNING

    def settings(self) -> Iterator[dict[str, float]]:
        """Search settings of every combination."""
        names = ("boost", "min_margin", "margin_per_token", "alone_margin", "running_threshold")
        tried = (self.boosts, self.min_margins, self.margins_per_token, self.alone_margins, self.running_thresholds)
        for values in product(*tried):
            yield dict(zip(names, values, strict=True))


def tune(directory: Path, shared: Path, limit: int, grid: Grid) -> None:
    """Try every combination, write the best into model.toml and the curves into curve.png.

    Args:
        directory: model directory.
        shared: the folder of recordings.
        limit: recordings per row, 0 for all.
        grid: what to try.

    Raises:
        ValueError: no point keeps false alarms within bounds; nothing is written.
    """
    model = Model.load(directory)
    rows = {name: make(shared, limit, WORK) for name, make in ROWS.items()}
    points = [point for tried in grid.settings() for point in _points(model, rows, limit, tried)]
    allowed = [point for point in points if point.allowed]
    if not allowed:
        least = min(points, key=lambda point: point.scores["wakewords"].false_per_hour)
        raise ValueError(f"every point has too many false alarms; the least: {_named(least)}")
    best = max(allowed, key=lambda point: point.worth)
    print(f"chosen: {_named(best)}")
    print("\n".join(HEADER))
    for name, own in best.scores.items():
        print(line(name, model.name, own))
    write_search(directory / DESCRIPTION, _values(best))
    draw(directory / CURVE, points, best)


def _points(model: Model, rows: Mapping[str, Row], limit: int, tried: Mapping[str, float]) -> Iterator[Point]:
    """All thresholds at one boost and pair of margins."""
    settings = settings_of(model, {**LENIENT, **tried})
    heard = {name: hear(model, row, settings, frame_path(WORK, model, name, limit)) for name, row in rows.items()}
    found = [
        Point(**tried, threshold=threshold, min_score=min_score, scores=_scores(rows, heard, threshold, min_score))
        for threshold, min_score in product(THRESHOLDS, MIN_SCORES)
    ]
    kept = [point for point in found if point.allowed] or found[-1:]
    print(f"best: {_named(max(kept, key=lambda point: point.worth))}", flush=True)
    yield from found


def _scores(
    rows: Mapping[str, Row], heard: Mapping[str, Sequence[Heard]], threshold: float, min_score: float
) -> dict[str, scoring.Score]:
    refractory_s = SearchSettings().refractory_s
    return {
        name: score(
            row,
            [
                replace(own, hits=tuple(scoring.stricter(own.hits, threshold, min_score, refractory_s)))
                for own in heard[name]
            ],
        )
        for name, row in rows.items()
    }


def _values(point: Point) -> dict[str, float]:
    return {name: getattr(point, name) for name in OPERATING_POINT}


def _named(point: Point) -> str:
    recalls = ", ".join(f"{name} {score.recall:.3f}" for name, score in point.scores.items())
    return (
        f"{', '.join(f'{name} {value:g}' for name, value in _values(point).items())}: {recalls}; "
        f"{point.scores['wakewords'].false_per_hour:.2f} false wake words per hour, "
        f"{point.scores['words'].false_per_trial:.3f} false words per utterance"
    )


def draw(path: Path, points: Sequence[Point], best: Point) -> None:
    """Recall against false hits per hour at each threshold: a line per row, a star for what was chosen."""
    figure, axes = canvas()
    alike = [
        point for point in points if replace(point, threshold=0.0, scores={}) == replace(best, threshold=0.0, scores={})
    ]
    for name, own in best.scores.items():
        (line_of,) = axes.plot(
            *zip(*(_place(point.scores[name]) for point in alike), strict=True), marker=".", label=name
        )
        axes.plot(*_place(own), "*", ms=13, color=line_of.get_color())
    axes.set_xscale("log")
    axes.set_xlabel("false hits per hour of the row (left end: none)")
    axes.set_ylabel("mean recall")
    axes.set_title(f"thresholds {THRESHOLDS[0]} to {THRESHOLDS[-1]}; stars: {best.threshold:g}", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def _place(score: scoring.Score) -> tuple[float, float]:
    """Where a score lies in the picture; none false is drawn as half a false hit."""
    return max(score.false_per_hour, 0.5 / score.hours), score.recall
