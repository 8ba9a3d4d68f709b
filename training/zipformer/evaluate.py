"""Measure model directories with kwsd's own spotter, row by row as in the issue that asked for the model.

Dev material only: speakers, voices and recordings that the recipe never trains on. One line per row and model: recall,
false hits with the hours of sound in which they could happen, and the operating point.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kwsd.acoustic.encoder import EncoderStream
from kwsd.acoustic.model import Model
from kwsd.search.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.spotter import Spotter
from training.zipformer.data.trials import RATE, Trial, commands, spoken_phrases, wake_words, words
from training.zipformer.progress import progress

TIMED_CHUNKS = 100


@dataclass(frozen=True)
class Score:
    """What one model did on one row."""

    wanted: int = 0
    found: int = 0
    false: int = 0
    """hits of phrases that were not said"""
    trials: int = 0
    seconds: float = 0.0
    """sound listened to"""
    mean: float = 0.0
    """recall averaged over phrases"""


ROWS: dict[str, Callable[[Path, int], tuple[list[str], list[Trial]]]] = {
    "words": words,
    "wakewords": wake_words,
    "commands": commands,
    "phrases": spoken_phrases,
}


def evaluate(
    models: Sequence[Path],
    shared: Path,
    rows: Sequence[str],
    limit: int,
    settings: SearchSettings,
) -> None:
    """Print one line per row and model.

    Raises:
        ValueError: a row is not known.
        FileNotFoundError: `shared` lacks what a row needs.
    """
    unknown = set(rows) - {*ROWS, "cost"}
    if unknown:
        raise ValueError(f"unknown rows {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}, cost")
    print(f"operating point: boost {settings.boost:g}, threshold {settings.threshold:g}")
    loaded = [Model.load(path) for path in models]
    for row in [row for row in ROWS if not rows or row in rows]:
        phrases, trials = ROWS[row](shared, limit)
        for model in loaded:
            print(_line(row, model.name, run(model, phrases, trials, settings)), flush=True)
    if not rows or "cost" in rows:
        _print_cost(loaded)


def run(model: Model, phrases: Sequence[str], trials: Sequence[Trial], settings: SearchSettings) -> Score:
    """Let a fresh stream hear each trial; a phrase counts as found once per trial."""
    spotter = Spotter(model, [Keyword(phrase) for phrase in phrases], settings)
    wanted, found = dict.fromkeys(phrases, 0), dict.fromkeys(phrases, 0)
    false, seconds = 0, 0.0
    for trial in progress(trials, len(trials), model.name):
        spotter.reset()
        heard = [hit.phrase for hit in [*spotter.accept(trial.samples), *spotter.finish()]]
        seconds += len(trial.samples) / RATE
        for phrase in trial.phrases:
            wanted[phrase] += 1
            found[phrase] += phrase in heard
        false += sum(phrase not in trial.phrases for phrase in heard)
    recalls = [found[phrase] / count for phrase, count in wanted.items() if count]
    mean = sum(recalls) / len(recalls) if recalls else 0.0
    return Score(sum(wanted.values()), sum(found.values()), false, len(trials), seconds, mean)


def encoder_ms(model: Model) -> float:
    """Median CPU time of one encoder call, milliseconds."""
    stream = EncoderStream(model.encoder)
    noise = np.random.default_rng(0).normal(-8.0, 4.0, (model.encoder.chunk_frames, 80)).astype(np.float32)
    times = []
    for _ in range(TIMED_CHUNKS):
        before = time.process_time()
        stream.step(noise)
        times.append(time.process_time() - before)
    return 1000.0 * float(np.median(times))


def _line(row: str, model: str, score: Score) -> str:
    hours = score.seconds / 3600
    return (
        f"{row:10s} {model:32s} recall {score.found}/{score.wanted} = {score.found / max(1, score.wanted):.3f}, "
        f"mean {score.mean:.3f}; false {score.false} = {score.false / max(1, score.trials):.3f} per utterance, "
        f"{score.false / max(hours, 1e-9):.2f} per hour of {hours:.2f} h"
    )


def _print_cost(models: Sequence[Model]) -> None:
    for model in models:
        size = model.encoder.path.stat().st_size
        per_second = encoder_ms(model) / (model.encoder.shift_frames / 100)
        print(f"{'cost':10s} {model.name:32s} encoder {per_second:.1f} ms CPU per second of sound, {size / 1e6:.2f} MB")
