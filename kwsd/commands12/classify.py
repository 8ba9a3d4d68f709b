"""Probabilities of the twelve classes: of a short clip as a whole, of longer sound in windows of a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, FloatArray, clip_picture
from kwsd.commands12.model import FixedModel
from kwsd.commands12.networks import PosteriorNetwork, make_network
from kwsd.config.settings import FixedWords
from kwsd.quick_dataclass import dataclass
from kwsd.timebase import SAMPLE_RATE, samples, seconds

WINDOW_SAMPLES = SAMPLE_RATE
HOP_S = 0.25


@dataclass(frozen=True, slots=True)
class Classification:
    """What a window may be."""

    start: float
    """Seconds."""
    end: float
    """Seconds; a clip of less than a second ends before its window does."""
    probabilities: dict[str, float]
    """Class → probability, all twelve, the likeliest first; they add up to 1."""

    @property
    def label(self) -> str:
        """The likeliest class."""
        return next(iter(self.probabilities))


def clip_engine(model: FixedModel) -> PosteriorNetwork:
    """An engine for whole clips; see `clip_posteriors`. Raises ModelError."""
    return make_network(model, FixedWords(hop_s=CLIP_FRAMES / 100))


def clip_posteriors(engine: PosteriorNetwork, picture: FloatArray) -> FloatArray:
    """Posteriors (classes,) after the last frame of one picture (98, 40), from a fresh start."""
    engine.reset()
    blocks = -(-CLIP_FRAMES // engine.block_frames)
    padded = np.concatenate((picture, np.zeros((blocks * engine.block_frames - CLIP_FRAMES, BANDS), np.float32)))
    rows = [engine.accept(block) for block in np.split(padded, blocks)]
    last = CLIP_FRAMES // engine.step_frames - 1
    return np.asarray(np.concatenate(rows)[last], np.float32)


def classify(model: FixedModel, sound: Iterable[FloatArray], hop_s: float = HOP_S) -> Iterator[Classification]:
    """Classify sound that comes in pieces (n,), 16 kHz mono, of any length.

    Sound of at most a second is one clip. In longer sound a window of a second lies every `hop_s`, and the last one
    ends with the sound. How it is cut into pieces makes no difference.

    Raises:
        ModelError: the model does not run.
    """
    engine, hop, start, complete = clip_engine(model), samples(hop_s), 0, False
    kept = np.zeros(0, np.float32)  # from the start of the last complete window on

    def classified(window: FloatArray, at: int) -> Classification:
        found = clip_posteriors(engine, clip_picture(window))
        order = np.argsort(-found, kind="stable")
        probabilities = {model.labels[index]: round(float(found[index]), 4) for index in order}
        return Classification(seconds(at), seconds(at + len(window)), probabilities)

    for piece in sound:
        kept = np.concatenate((kept, piece))
        if not complete and len(kept) >= WINDOW_SAMPLES:
            complete = True
            yield classified(kept[:WINDOW_SAMPLES], start)
        while len(kept) >= WINDOW_SAMPLES + hop:
            kept, start = kept[hop:], start + hop
            yield classified(kept[:WINDOW_SAMPLES], start)
    if complete and len(kept) > WINDOW_SAMPLES:
        yield classified(kept[-WINDOW_SAMPLES:], start + len(kept) - WINDOW_SAMPLES)
    elif not complete and len(kept):
        yield classified(kept, start)
