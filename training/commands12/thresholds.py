"""Chooses the threshold of each word: the lowest that running speech of speakers unheard in training rarely passes."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kwsd.commands12.decisions import Decisions, class_thresholds
from kwsd.commands12.frontend import FloatArray
from kwsd.commands12.isolation import Past
from kwsd.commands12.model import FixedModel
from kwsd.commands12.networks import make_network
from kwsd.commands12.pictures import FrameStream
from kwsd.commands12.second import SecondOpinion
from kwsd.commands12.stream import KEPT_FRAMES
from kwsd.commands12.timing import decision_settings
from kwsd.config.settings import FixedWords
from measure.command_streams import Stream, is_near
from measure.commands import WORDS
from measure.scoring import Hit

LEAST, HIGHEST = 0.4, 0.98
FRAME_S = 0.01
BLOCK_ROWS = 10


@dataclass(frozen=True)
class Posteriors:
    """All that a decision needs of a stream."""

    frames: tuple[int, ...]
    """Frame after the last one that each row saw."""
    rows: FloatArray
    """(n, 12)."""
    grey: FloatArray
    """Every frame (m, 40)."""

    def past(self, until: int, told_frame: int = 0) -> Past:
        """What a spotter has kept at a frame; `told_frame`: the one after the last word that it told."""
        step_frames = self.frames[1] - self.frames[0]
        steps = min(len(self.rows), until // step_frames)
        return Past(
            end_frame=steps * step_frames,
            step_frames=step_frames,
            posteriors=self.rows[max(0, steps - KEPT_FRAMES // step_frames) : steps],
            grey=self.grey[max(0, steps * step_frames - KEPT_FRAMES) : steps * step_frames],
            told_frame=told_frame,
        )


def posteriors_of(model: FixedModel, stream: Stream, on_part: Callable[[], None] = lambda: None) -> Posteriors:
    """Run the model over a stream once; `on_part` is told after each gap and piece."""
    engine = make_network(model, FixedWords())
    frames = FrameStream(engine.block_frames)
    rows, grey = [], []
    for read in stream.parts:
        for block in frames.accept(read()):
            rows.append(engine.accept(block))
            grey.append(block)
        on_part()
    together = np.concatenate(rows)
    steps = tuple((step + 1) * engine.step_frames for step in range(len(together)))
    return Posteriors(steps, together, np.concatenate(grey))


def hits_of(
    model: FixedModel, heard: Posteriors, settings: FixedWords, thresholds: Mapping[str, float]
) -> Iterator[Hit]:
    """What the daemon would report with these thresholds."""
    step_frames = heard.frames[1] - heard.frames[0]
    limits = class_thresholds(model.labels, model.words, thresholds, {})
    timing = decision_settings(settings, model.engine, step_frames)
    decisions = Decisions(limits, timing)
    second = SecondOpinion(model.engine) if settings.alone else None
    told_frame = 0
    for rows in range(0, len(heard.frames), BLOCK_ROWS):
        block = slice(rows, rows + BLOCK_ROWS)
        for decision in decisions.accept(heard.frames[block], heard.rows[block]):
            past = heard.past(decision.frame + timing.hold_frames, told_frame)
            span = past.word_before(decision.frame)
            if not second or second.is_command(past, decision, span, model.labels):
                told_frame = span.end
                yield Hit(
                    phrase=model.labels[decision.label],
                    time_s=span.end * FRAME_S,
                    heard_s=(decision.frame + timing.hold_frames) * FRAME_S,
                    score=decision.score,
                    start_s=span.start * FRAME_S,
                )


def choose(
    model: FixedModel, speech: Stream, heard: Posteriors, settings: FixedWords, most_per_hour: float
) -> dict[str, float]:
    """Per word the lowest threshold with at most so many false alarms per hour of `speech`."""
    hits = list(hits_of(model, heard, settings, dict.fromkeys(WORDS, LEAST)))
    most = int(most_per_hour * speech.seconds / 3600)
    return {
        word: lowest([hit.score for hit in hits if hit.phrase == word and is_false(speech, hit)], most)
        for word in WORDS
    }


def is_false(speech: Stream, hit: Hit) -> bool:
    """Whether no piece near a hit has its word."""
    return not any(hit.phrase in piece.words and is_near(hit, piece) for piece in speech.pieces)


def lowest(false_scores: list[float], most: int) -> float:
    """The lowest threshold, in hundredths, that no more than `most` of these scores pass."""
    ranked = sorted(false_scores, reverse=True)
    if len(ranked) <= most:
        return LEAST
    return min(HIGHEST, math.floor(100 * ranked[most] + 1) / 100)
