"""Measure model directories with kwsd's own spotter, row by row as in the issue that asked for the model.

A line per row and model: recall, and false hits with the hours of sound in which they could happen. What is right and
what is false is decided as in the engine's benchmark.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.acoustic.model import Model
from kwsd.models.directory import MATRICES
from kwsd.search.settings import SearchSettings
from measure import scoring
from training.zipformer.data.conditions import CONDITION_ROWS
from training.zipformer.data.spoken_trials import SPOKEN_ROWS
from training.zipformer.data.trials import ALARM_ROWS, ROWS, Row
from training.zipformer.hearing import Heard, frame_path, hear

TIMED_CHUNKS = 100
HEADER = (
    "| row | model | mean recall | found | false | false per recording | false per hour | hours |",
    "|---|---|---|---|---|---|---|---|",
)
OPERATING_POINT = (
    "boost",
    "threshold",
    "running_threshold",
    "min_score",
    "min_margin",
    "margin_per_token",
    "alone_margin",
)
"""The search settings that recall and false hits depend on most."""
MARKS = ("<!-- measured by `evaluate --card` -->", "<!-- end -->")
WORK = Path(__file__).parents[1] / ".work" / "evaluate"
"""Spoken phrases and encoder frames are kept here; git ignores it."""


def evaluate(
    models: Sequence[Path], shared: Path, rows: Sequence[str], limit: int, overrides: Mapping[str, float]
) -> Iterator[str]:
    """Lines of Markdown as they are measured: operating points, then a table of rows and models, then what they cost.

    Args:
        models: model directories.
        shared: the folder of recordings.
        rows: names in ROWS, SPOKEN_ROWS, CONDITION_ROWS or ALARM_ROWS, spoken, conditions or alarms for all of these,
            or cost; empty means ROWS and cost.
        limit: recordings per row, 0 for all.
        overrides: search settings that count more than a model's own.

    Raises:
        ValueError: a row is not known.
        FileNotFoundError: `shared` lacks what a row needs.
    """
    kinds = {"conditions": CONDITION_ROWS, "alarms": ALARM_ROWS, "spoken": SPOKEN_ROWS}
    rows = [*(name for row in rows for name in kinds.get(row, [row]))]
    known = {**ROWS, **SPOKEN_ROWS, **CONDITION_ROWS, **ALARM_ROWS}
    unknown = set(rows) - {*known, "cost"}
    if unknown:
        raise ValueError(
            f"unknown rows {', '.join(sorted(unknown))}; there are {', '.join(known)}, conditions, alarms, spoken, cost"
        )
    loaded = [Model.load(path) for path in models]
    for model in loaded:
        yield f"- {model.name}: {_operating_point(settings_of(model, overrides))}"
    yield from ("", *HEADER)
    for name in (row for row in known if row in (rows or ROWS)):
        row = known[name](shared, limit, WORK)
        for model in loaded:
            sound = name.partition("-")[0]  # rows that differ in what is listened for share their frames
            heard = hear(model, row, settings_of(model, overrides), frame_path(WORK, model, sound, limit))
            yield line(name, model.name, score(row, heard))
    if not rows or "cost" in rows:
        yield from ("", *map(_cost, loaded))


def write_into(card: Path, lines: Sequence[str]) -> None:
    """Replace what stands between the marks of a model card."""
    before, _, rest = card.read_text(encoding="utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    card.write_text("\n".join([f"{before}{MARKS[0]}", "", *lines, "", f"{MARKS[1]}{after}"]), encoding="utf-8")


def settings_of(model: Model, overrides: Mapping[str, Any]) -> SearchSettings:
    """What the model brings, but for the overrides."""
    return SearchSettings(**overrides).over(model.description.search)


def score(row: Row, heard: Sequence[Heard]) -> scoring.Score:
    """Compare what was heard in each trial with what was said."""
    found: Counter[str] = Counter()
    wanted: Counter[str] = Counter()
    for trial, own in zip(row.trials, heard, strict=True):
        result = scoring.score(trial.labels, own.hits, hours=1.0)
        found.update(result.found)
        wanted.update(result.total)
    hits = sum(len(own.hits) for own in heard)
    hours = sum(own.seconds for own in heard) / scoring.SECONDS_PER_HOUR
    return scoring.Score(found, wanted, hits - found.total(), hours, len(heard))


def line(row: str, model: str, score: scoring.Score) -> str:
    """A line of the table, under HEADER."""
    recall = f"{score.recall:.3f}" if score.total else ""
    return (
        f"| {row} | {model} | {recall} | {sum(score.found.values())} of {sum(score.total.values())} | "
        f"{score.false} | {score.false_per_trial:.3f} | {score.false_per_hour:.2f} | {score.hours:.2f} |"
    )


def encoder_ms(model: Model) -> tuple[float, float]:
    """Median and least CPU time of one encoder call, milliseconds."""
    encoder, state = model.encoder, model.encoder.initial_state()
    noise = np.random.default_rng(0).normal(-8.0, 4.0, (encoder.segment_frames, 80)).astype(np.float32)
    times = []
    for _ in range(TIMED_CHUNKS):
        before = time.process_time()
        _, state = encoder.run([noise], [state])[0]
        times.append(1000 * (time.process_time() - before))
    return float(np.median(times)), min(times)


def _operating_point(settings: SearchSettings) -> str:
    return ", ".join(f"{name} {getattr(settings, name):g}" for name in OPERATING_POINT)


def _cost(model: Model) -> str:
    path = model.encoder.path
    size = sum(file.stat().st_size for file in (path, path.with_name(MATRICES)) if file.exists())
    seconds = model.encoder.shift_frames / 100
    median, least = (milliseconds / seconds for milliseconds in encoder_ms(model))
    return f"- {model.name}: encoder {median:.1f} ms CPU per second of sound (least {least:.1f}), {size / 1e6:.2f} MB"
