"""Chooses the threshold of each word: the lowest that running speech of speakers unheard in training rarely passes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kwsd.fallback.bundle import CommandModel
from kwsd.fallback.decider import Decider, class_thresholds
from kwsd.fallback.engines import make_engine
from kwsd.fallback.frontend import CLIP_FRAMES, FloatArray
from kwsd.fallback.settings import FallbackSettings
from kwsd.fallback.span import CONTEXT_FRAMES, Span, sounding_span, stands_alone
from kwsd.fallback.stream import FrameStream
from kwsd.fallback.timing import decider_settings, frames
from training.commands12.labels import WORDS
from training.commands12.streams import Hit, Stream, score

GRID = tuple(round(0.30 + 0.02 * step, 2) for step in range(34))  # 0.30 to 0.96
FRAME_S = 0.01
BLOCK_ROWS = 10


@dataclass(frozen=True)
class Posteriors:
    """All that a decision needs of a stream."""

    frames: tuple[int, ...]
    """Frame after the last one that each row saw."""
    rows: FloatArray
    """(n, 12)."""
    loudness: FloatArray
    """Mean grey value of every frame."""


def posteriors_of(model: CommandModel, stream: Stream, on_part: Callable[[], None] = lambda: None) -> Posteriors:
    """Run the model over a stream once; `on_part` is told after each gap and piece."""
    engine = make_engine(model, FallbackSettings())
    frames = FrameStream(engine.block_frames)
    rows, loudness = [], []
    for read in stream.parts:
        for block in frames.accept(read()):
            rows.append(engine.accept(block))
            loudness.append(block.mean(axis=1))
        on_part()
    together = np.concatenate(rows)
    steps = tuple((step + 1) * engine.step_frames for step in range(len(together)))
    return Posteriors(steps, together, np.concatenate(loudness))


def hits_of(
    model: CommandModel, heard: Posteriors, settings: FallbackSettings, thresholds: Mapping[str, float]
) -> Iterator[Hit]:
    """What the daemon would report with these thresholds."""
    step_frames = heard.frames[1] - heard.frames[0]
    limits = class_thresholds(model.labels, model.words, thresholds, {})
    decider = Decider(limits, decider_settings(settings, model.engine, step_frames))
    for rows in range(0, len(heard.frames), BLOCK_ROWS):
        block = slice(rows, rows + BLOCK_ROWS)
        for decision in decider.accept(heard.frames[block], heard.rows[block]):
            first = max(0, decision.frame - CLIP_FRAMES)
            span = sounding_span(heard.loudness[first : decision.frame]).moved(first)
            if not settings.alone or is_alone(heard.loudness, span, decision.frame + frames(settings.hold_s)):
                yield Hit(model.labels[decision.label], span.start * FRAME_S, span.end * FRAME_S)


def is_alone(loudness: FloatArray, span: Span, until: int) -> bool:
    """As the spotter sees it, which keeps only the last frames."""
    first = max(0, span.start - CONTEXT_FRAMES)
    return stands_alone(loudness[first:until], span.moved(-first))


def choose(
    model: CommandModel, speech: Stream, heard: Posteriors, settings: FallbackSettings, most_per_hour: float
) -> dict[str, float]:
    """Per word the lowest threshold with at most so many false alarms per hour of `speech`."""
    chosen = dict.fromkeys(WORDS, GRID[-1])
    for threshold in reversed(GRID):
        outcome = score(speech, list(hits_of(model, heard, settings, dict.fromkeys(WORDS, threshold))))
        for word in WORDS:
            is_next = chosen[word] == threshold or GRID.index(chosen[word]) == GRID.index(threshold) + 1
            if is_next and outcome.false_per_hour(word) <= most_per_hour:
                chosen[word] = threshold
    return chosen
