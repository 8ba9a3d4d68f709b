"""The fixed-set spotter: one stream of sound in, detections of ten words out. Same face as `kwsd.Spotter`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.audio.samples import checked_samples
from kwsd.commands12.decisions import Decider, Decision, class_thresholds
from kwsd.commands12.frontend import CLIP_FRAMES, SHIFT_SAMPLES, WINDOW_SAMPLES, FloatArray
from kwsd.commands12.isolation import CONTEXT_FRAMES, Span, sounding_span, stands_alone
from kwsd.commands12.model import CommandModel
from kwsd.commands12.networks import make_engine
from kwsd.commands12.pictures import FrameStream
from kwsd.commands12.settings import FallbackSettings
from kwsd.commands12.timing import decider_settings
from kwsd.commands12.vocabulary import normal
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.timebase import samples, seconds

FINISH_S = 0.5  # silence that brings the last word to where the model likes it best
LOUDNESS_FRAMES = 400  # the context of a word, and what came while it was being decided


class CommandSpotter:
    """Hears the ten words in one stream. Not thread-safe: one thread at a time calls it."""

    def __init__(self, model: CommandModel, settings: FallbackSettings | None = None) -> None:
        """Listen with one model.

        Raises:
            ModelError: the model does not run.
        """
        self._model = model
        self._settings = settings or FallbackSettings()
        self._engine = make_engine(model, self._settings)
        self._stream = FrameStream(self._engine.block_frames)
        self.bad_chunks = 0
        """Blocks whose posteriors were not finite; the state started over each time."""
        timing = decider_settings(self._settings, model.engine, self._engine.step_frames)
        self._hold_frames = timing.hold_frames
        self._names: dict[str, Keyword] = {}
        self._decider = Decider(self._thresholds(self._settings.thresholds), timing)
        self.reset()

    def accept(self, sound: NDArray[np.float32]) -> list[Detection]:
        """Take float samples (n,), 16 kHz mono, and return what they complete, in the order spoken.

        How sound is split over calls makes no difference. Samples that are not finite count as silence.

        Raises:
            ValueError: not one-dimensional floating-point samples.
        """
        sound = np.clip(checked_samples(sound), -1.0, 1.0)
        self._position += len(sound)
        return [hit for block in self._stream.accept(sound) for hit in self._hear(block)]

    def finish(self) -> list[Detection]:
        """The sound has ended: return what its last words complete. `reset()` before any more sound."""
        padding = samples(FINISH_S) + self._engine.block_frames * SHIFT_SAMPLES
        blocks = self._stream.accept(np.zeros(padding, np.float32))
        return [hit for block in blocks for hit in self._hear(block)] + self._last()

    def skip(self, lost_samples: int) -> list[Detection]:
        """Sound is missing here: what was certain is returned, and nothing is decided for a second afterwards."""
        found = self._last()
        self._start(at_sample=self._position + lost_samples, waiting=CLIP_FRAMES)
        return found

    def reset(self) -> None:
        """Start a new stream at 0 s."""
        self._start(at_sample=0, waiting=0)

    def set_keywords(self, keywords: Sequence[Keyword]) -> None:
        """Take names and thresholds of keywords whose phrase is one of the words; if there are any, report only those.

        `FallbackSettings.words`, where given, says instead which are reported.
        """
        known = {normal(each.phrase): each for each in keywords}
        self._names = {word: each for word, each in known.items() if word in self._model.words}
        given = {word: each.threshold for word, each in self._names.items() if each.threshold is not None}
        self._decider.thresholds = self._thresholds({**self._settings.thresholds, **given})

    @property
    def position_samples(self) -> int:
        """The stream's clock: samples accepted and skipped."""
        return self._position

    @property
    def words(self) -> tuple[str, ...]:
        """Those that can be reported."""
        wanted = self._settings.words or tuple(self._names)
        return tuple(word for word in self._model.words if not wanted or word in wanted)

    def _thresholds(self, overrides: Mapping[str, float]) -> FloatArray:
        return class_thresholds(self._model.labels, self.words, self._model.thresholds, overrides)

    def _start(self, at_sample: int, waiting: int) -> None:
        """Forget all sound; the next sample is number `at_sample`; decide nothing for `waiting` frames."""
        self._stream.reset()
        self._engine.reset()
        self._decider.reset()
        self._loudness: FloatArray = np.zeros(0, np.float32)
        self._origin = self._position = at_sample
        self._frame = 0
        self._waiting_frames = waiting

    def _hear(self, block: FloatArray) -> Iterator[Detection]:
        """One block of frames: posteriors, decisions."""
        posteriors = self._engine.accept(block)
        self._loudness = np.concatenate((self._loudness, block.mean(axis=1)))[-LOUDNESS_FRAMES:]
        first, self._frame = self._frame, self._frame + len(block)
        if not np.isfinite(posteriors).all():
            self._pass_over()
            return
        steps = range(first + self._engine.step_frames, self._frame + 1, self._engine.step_frames)
        waiting = sum(step < self._waiting_frames for step in steps)
        if waiting < len(steps):
            yield from self._detections(self._decider.accept(steps[waiting:], posteriors[waiting:]))

    def _pass_over(self) -> None:
        self.bad_chunks += 1
        self._engine.reset()
        self._decider.reset()

    def _last(self) -> list[Detection]:
        decision = self._decider.finish()
        return list(self._detections([decision] if decision else []))

    def _detections(self, decisions: Iterable[Decision]) -> Iterator[Detection]:
        """Those of words that are said on their own, where that is asked for."""
        for decision in decisions:
            span = self._span(decision.frame)
            if not self._settings.alone or self._is_alone(span, decision.frame + self._hold_frames):
                yield self._detection(decision, span)

    def _detection(self, decision: Decision, span: Span) -> Detection:
        word = self._model.labels[decision.label]
        keyword = self._names.get(word, Keyword(word))
        start, end = self._times(span)
        heard = seconds(min(self._position, self._origin + _reach_samples(self._frame)))
        return Detection(
            keyword=keyword.label,
            phrase=keyword.phrase,
            start=start,
            end=end,
            score=round(decision.score, 4),
            min_score=round(decision.min_score, 4),
            threshold=round(float(self._decider.thresholds[decision.label]), 4),
            tokens=(word,),
            timestamps=(start,),
            engine=self._model.engine,
            stream_time=heard,
            latency_ms=round((heard - end) * 1000, 1),
        )

    def _span(self, frame: int) -> Span:
        """Where the word is in the second before `frame`, in frames of the stream."""
        kept_from = self._frame - len(self._loudness)
        first = max(frame - CLIP_FRAMES, kept_from)
        return sounding_span(self._loudness[first - kept_from : frame - kept_from]).moved(first)

    def _is_alone(self, span: Span, until: int) -> bool:
        kept_from = self._frame - len(self._loudness)
        first = max(span.start - CONTEXT_FRAMES, kept_from)
        return stands_alone(self._loudness[first - kept_from : until - kept_from], span.moved(-first))

    def _times(self, span: Span) -> tuple[float, float]:
        """Seconds."""
        start = self._origin + span.start * SHIFT_SAMPLES
        end = min(self._origin + _reach_samples(span.end), self._position)
        return seconds(min(start, end)), seconds(end)


def _reach_samples(frames: int) -> int:
    """Samples that so many frames reach to."""
    return (frames - 1) * SHIFT_SAMPLES + WINDOW_SAMPLES
