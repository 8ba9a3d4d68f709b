"""Accuracy, F1 and confusion of a model that is run as the daemon runs it: ONNX, live front end."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.commands12.classify import clip_engine, clip_posteriors
from kwsd.commands12.frontend import FloatArray, clip_picture
from kwsd.commands12.model import FixedModel
from measure import manifests
from measure.commands import LABELS
from measure.sound import unpadded


@dataclass(frozen=True)
class Clip:
    """One clip of the test audio, its padding cut off."""

    samples: FloatArray
    label: int


def test_clips(shared: Path) -> list[Clip]:
    """Half A of the official test audio: 2734 clips of 12 classes."""
    folder = shared / "speech_commands" / "test_a"
    return [Clip(unpadded(folder, row), LABELS.index(row["class"])) for row in manifests.read(folder / "manifest.tsv")]


def classify(model: FixedModel, pictures: Iterable[FloatArray]) -> NDArray[np.int64]:
    """Most likely class of each picture (98, 40), from a fresh start each time."""
    engine = clip_engine(model)
    return np.array([int(np.argmax(clip_posteriors(engine, picture))) for picture in pictures])


@dataclass(frozen=True)
class Figures:
    """What a set of decisions comes to."""

    confusion: NDArray[np.int64]
    """(12, 12): said along rows, heard along columns."""

    @property
    def accuracy(self) -> float:
        """Part of the clips that were right."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def recall(self) -> FloatArray:
        """Per class: part of what was said that was heard."""
        return np.asarray(np.diag(self.confusion) / np.maximum(self.confusion.sum(axis=1), 1), np.float32)

    @property
    def precision(self) -> FloatArray:
        """Per class: part of what was heard that was said."""
        return np.asarray(np.diag(self.confusion) / np.maximum(self.confusion.sum(axis=0), 1), np.float32)

    @property
    def f1(self) -> FloatArray:
        """Per class: harmonic mean of recall and precision."""
        both = self.recall + self.precision
        return np.asarray(2 * self.recall * self.precision / np.maximum(both, 1e-9), np.float32)


def figures(said: NDArray[np.int64], heard: NDArray[np.int64]) -> Figures:
    """Count decisions."""
    confusion = np.zeros((len(LABELS), len(LABELS)), np.int64)
    np.add.at(confusion, (said, heard), 1)
    return Figures(confusion)


def measure(model: FixedModel, clips: list[Clip]) -> Figures:
    """Every clip through the live front end and the model."""
    heard = classify(model, (clip_picture(clip.samples) for clip in clips))
    return figures(np.array([clip.label for clip in clips]), heard)
