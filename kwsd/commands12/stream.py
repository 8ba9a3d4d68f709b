"""One stream of sound in, the fixed words heard in it out: posteriors, decisions, and whether a word is alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from kwsd.commands12.decisions import Decision, Decisions, class_thresholds
from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, SHIFT_SAMPLES, WINDOW_SAMPLES, FloatArray
from kwsd.commands12.isolation import Past
from kwsd.commands12.model import FixedModel
from kwsd.commands12.networks import make_network
from kwsd.commands12.pictures import FrameStream
from kwsd.commands12.second import SecondOpinion
from kwsd.commands12.timing import decision_settings
from kwsd.config.settings import FixedWords
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Chunk
from kwsd.timebase import samples

FINISH_S = 0.5  # silence that brings the last word to where the model likes it best
KEPT_FRAMES = 400  # the context of a word, and what came while it was being decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A fixed word heard. Samples are counted since the stream began."""

    text: str
    start_sample: int
    end_sample: int
    score: float
    """Best smoothed posterior, 0 to 1."""
    min_score: float
    """Smallest single posterior under the smoothing there, 0 to 1."""
    threshold: float
    """What `score` had to reach."""
    arrived_sample: int
    """Sound that had to come before this was decided."""


class WordStream:
    """How sound is cut into chunks makes no difference. After any gap nothing is decided for a second."""

    def __init__(self, model: FixedModel, settings: FixedWords) -> None:
        """A stream that has heard nothing.

        Raises:
            ModelError: the model does not run.
        """
        self._model = model
        self._network = make_network(model, settings)
        self._frames = FrameStream(self._network.block_frames)
        self._second = SecondOpinion(model.engine) if settings.alone else None
        timing = decision_settings(settings, model.engine, self._network.step_frames)
        self._hold_frames = timing.hold_frames
        self._decisions = Decisions(class_thresholds(model.labels, model.words, model.thresholds, {}), timing)
        self.bad_blocks = 0
        """Blocks whose posteriors were not finite; the state started over each time."""
        self.next_sample = 0
        """Where the chunk behind all that was heard begins."""
        self._start(0, waiting=0)

    def listen_for(self, words: Sequence[str], thresholds: Mapping[str, float]) -> None:
        """From the next block on report these words only, with these thresholds where they are not the model's own."""
        labels, own = self._model.labels, self._model.thresholds
        self._decisions.thresholds = class_thresholds(labels, words, own, thresholds)

    @property
    def candidate(self) -> str | None:
        """The word that is being decided about."""
        label = self._decisions.candidate
        return None if label is None else self._model.labels[label]

    def push(self, chunk: Chunk) -> list[Word]:
        """The next sound → the words that it completes; before a gap, what was certain."""
        told = []
        if chunk.start_sample != self.next_sample:
            told = self._last()
            self._start(chunk.start_sample, waiting=CLIP_FRAMES)
        self.next_sample = chunk.end_sample
        blocks = self._frames.accept(np.clip(chunk.samples, -1.0, 1.0))
        return told + [word for block in blocks for word in self._hear(block)]

    def finish(self) -> list[Word]:
        """The sound has ended: what its last words complete."""
        padding = samples(FINISH_S) + self._network.block_frames * SHIFT_SAMPLES
        blocks = self._frames.accept(np.zeros(padding, np.float32))
        return [word for block in blocks for word in self._hear(block)] + self._last()

    def _start(self, origin_sample: int, waiting: int) -> None:
        """Forget all sound; decide nothing for `waiting` frames."""
        self._frames.reset()
        self._network.reset()
        self._decisions.reset()
        self._grey: FloatArray = np.zeros((0, BANDS), np.float32)
        self._posteriors: FloatArray = np.zeros((0, len(self._model.labels)), np.float32)
        self._origin_sample = self.next_sample = origin_sample
        self._frame = self._told_frame = 0
        self._waiting_frames = waiting

    def _hear(self, block: FloatArray) -> Iterator[Word]:
        """One block of frames: posteriors, decisions."""
        posteriors = self._network.accept(block)
        self._grey = np.concatenate((self._grey, block))[-KEPT_FRAMES:]
        first, self._frame = self._frame, self._frame + len(block)
        if not np.isfinite(posteriors).all():
            self.bad_blocks += 1
            self._network.reset()
            self._decisions.reset()
            self._posteriors = self._posteriors[:0]
            return
        self._posteriors = np.concatenate((self._posteriors, posteriors))[-KEPT_FRAMES // self._network.step_frames :]
        steps = range(first + self._network.step_frames, self._frame + 1, self._network.step_frames)
        waiting = sum(step < self._waiting_frames for step in steps)
        if waiting < len(steps):
            yield from self._words(self._decisions.accept(steps[waiting:], posteriors[waiting:]))

    def _last(self) -> list[Word]:
        decision = self._decisions.finish()
        return list(self._words([decision] if decision else []))

    def _words(self, decisions: Iterable[Decision]) -> Iterator[Word]:
        """Those of words that are said on their own, where that is asked for."""
        for decision in decisions:
            past = Past(
                end_frame=self._frame,
                step_frames=self._network.step_frames,
                posteriors=self._posteriors,
                grey=self._grey,
                told_frame=self._told_frame,
            ).until(decision.frame + self._hold_frames)
            span = past.word_before(decision.frame)
            if self._second and not self._second.is_command(past, decision, span, self._model.labels):
                continue
            self._told_frame = span.end
            end = min(self._origin_sample + _reach_samples(span.end), self.next_sample)
            yield Word(
                text=self._model.labels[decision.label],
                start_sample=min(self._origin_sample + span.start * SHIFT_SAMPLES, end),
                end_sample=end,
                score=decision.score,
                min_score=decision.min_score,
                threshold=float(self._decisions.thresholds[decision.label]),
                arrived_sample=min(self.next_sample, self._origin_sample + _reach_samples(self._frame)),
            )


def _reach_samples(frames: int) -> int:
    """Samples that so many frames reach to."""
    return (frames - 1) * SHIFT_SAMPLES + WINDOW_SAMPLES
