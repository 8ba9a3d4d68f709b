"""Measure how often phrases are told where nobody says them, and fit what `kwsctl check` expects of any phrase."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kwsd.acoustic.model import Model
from kwsd.models.description import DESCRIPTION
from kwsd.search.false_alarms import FalseAlarms
from kwsd.search.settings import SHORT_TOKENS
from measure import scoring
from training.zipformer.data.listening import unsaid
from training.zipformer.data.trials import among_others
from training.zipformer.description import write_false_alarms
from training.zipformer.evaluate import WORK, settings_of
from training.zipformer.hearing import frame_path, hear

LENIENT = 0.3
THRESHOLDS = tuple(round(0.3 + 0.1 * step, 1) for step in range(7))
TOGETHER = 75
"""Phrases that are listened for at once: in one great list they would take each other's sound."""
ROUNDS = 60
RIDGE = 0.05
"""Keeps a curve finite where hardly anything was heard."""


@dataclass(frozen=True)
class Listened:
    """A phrase, and how sure it was of each sound in which nobody had said it."""

    tokens: int
    scores: tuple[float, ...]


def fit_false_alarms(directory: Path, shared: Path, limit: int) -> Iterator[str]:
    """Listen, fit and write into the model.toml of a directory; gives lines that set measured beside expected.

    Args:
        directory: of the model.
        shared: the folder of recordings.
        limit: recordings to listen to, 0 for 3.75 h.
    """
    model = Model.load(directory)
    phrases = unsaid(shared)
    found: dict[str, list[float]] = {phrase: [] for phrase in phrases}
    seconds = 0.0
    for start in range(0, len(phrases), TOGETHER):
        row = among_others(phrases[start : start + TOGETHER], shared, limit)
        heard = hear(model, row, settings_of(model, {"threshold": LENIENT}), frame_path(WORK, model, "alarms", limit))
        seconds = sum(own.seconds for own in heard)
        for trial, own in zip(row.trials, heard, strict=True):
            said = scoring.match(trial.labels, own.hits)
            for hit in (hit for hit in own.hits if hit not in said):
                found[hit.phrase].append(hit.score)
    listened = [
        Listened(len(next(model.tokenizer.encodings(phrase))), tuple(scores)) for phrase, scores in found.items()
    ]
    fitted = fit(listened, seconds / 3600)
    write_false_alarms(directory / DESCRIPTION, fitted)
    yield from report(listened, seconds / 3600, fitted)


def fit(listened: Sequence[Listened], hours: float) -> FalseAlarms:
    """Poisson regression of the counts at every threshold, short and long phrases apart."""
    short, long = (
        _curve([each for each in listened if (each.tokens <= SHORT_TOKENS) == is_short], hours)
        for is_short in (True, False)
    )
    return FalseAlarms(
        **dict(zip(("short", "short_token", "short_threshold"), short, strict=True)),
        **dict(zip(("long", "long_token", "long_threshold"), long, strict=True)),
    )


def _curve(listened: Sequence[Listened], hours: float) -> tuple[float, float, float]:
    """Constant, slope of tokens and slope of the threshold of the logarithm of the rate per hour."""
    cells = [(each, threshold) for each in listened for threshold in THRESHOLDS]
    inputs = np.array([(1.0, each.tokens, threshold) for each, threshold in cells])
    counts = np.array([_reach(each, threshold) for each, threshold in cells], float)
    values: NDArray[np.floating[Any]] = np.zeros(3)
    values[0] = np.log(max(counts.mean(), 1e-3) / hours)
    held = RIDGE * np.diag([1e-6, 1.0, 1.0])
    for _ in range(ROUNDS):
        expected = hours * np.exp(inputs @ values)  # Newton's method, by half steps where a whole one leads too far
        slope = inputs.T @ (counts - expected) - held @ values
        step = np.asarray(np.linalg.solve((inputs * expected[:, None]).T @ inputs + held, slope), np.float64)
        share = 1.0
        while _misfit(inputs, counts, hours, values + share * step) > _misfit(inputs, counts, hours, values) + 1e-9:
            share /= 2
        values = values + share * step
    constant, token, threshold = (round(float(value), 3) for value in values)
    return constant, token, threshold


def _misfit(
    inputs: NDArray[np.float64], counts: NDArray[np.float64], hours: float, values: NDArray[np.floating[Any]]
) -> float:
    """Negative logarithm of how likely the counts are, but for a constant."""
    with np.errstate(over="ignore"):
        expected = hours * np.exp(inputs @ values)
    return float(expected.sum() - counts @ (inputs @ values) + RIDGE / 2 * (values[1:] ** 2).sum())


def _reach(listened: Listened, threshold: float) -> int:
    return sum(score >= threshold for score in listened.scores)


def report(listened: Sequence[Listened], hours: float, fitted: FalseAlarms) -> Iterator[str]:
    """What was measured of an average phrase, and what is expected: per hour, by length and threshold."""
    yield f"| tokens | phrases | {' | '.join(f'at {threshold:g}' for threshold in THRESHOLDS)} |"
    yield "|---|---|" + "---|" * len(THRESHOLDS)
    for shortest, longest in ((1, 3), (4, 4), (5, 5), (6, 8), (9, 99)):
        own = [each for each in listened if shortest <= each.tokens <= longest]
        if not own:
            continue
        cells = []
        for threshold in THRESHOLDS:
            measured = sum(_reach(each, threshold) for each in own) / len(own) / hours
            expected = sum(map(partial(fitted.per_hour, threshold=threshold), (each.tokens for each in own))) / len(own)
            cells.append(f"{measured:.3f}, {expected:.3f}")
        yield f"| {shortest} to {longest} | {len(own)} | {' | '.join(cells)} |"
