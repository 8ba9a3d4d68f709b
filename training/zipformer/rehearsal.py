"""A rehearsal on made-up sound of what `train --device cuda` will do, with its figures: before any data is there."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from training.zipformer.data.channel import Channel
from training.zipformer.data.fbank import RATE
from training.zipformer.data.pack import Clip, Pack
from training.zipformer.model.settings import ModelSettings
from training.zipformer.settings import TrainSettings
from training.zipformer.steps import CudaRecorder, Recorder
from training.zipformer.train import Trainer

LONGEST_S = 6.0
LONGEST_TEXT = 80
FIRST_STEPS = 4
"""Compared between recorded and plain steps."""


@dataclass(frozen=True)
class Rehearsal:
    """What was seen."""

    plain: tuple[float, ...]
    """joint losses of the first steps in float32, launched piece by piece"""
    recorded: tuple[float, ...]
    """the same of recorded steps"""
    step_s: float
    """of a recorded step as training takes it, mean"""
    row_seconds: float
    """of sound in a step"""

    def __str__(self) -> str:
        """Say it in three lines."""
        apart = max(abs(a - b) / abs(b) for a, b in zip(self.recorded, self.plain, strict=True))
        return (
            f"plain    {' '.join(f'{loss:.4f}' for loss in self.plain)}\n"
            f"recorded {' '.join(f'{loss:.4f}' for loss in self.recorded)}, {apart:.1e} apart\n"
            f"{1000 * self.step_s:.1f} ms a step of {self.row_seconds:.0f} s: "
            f"{self.row_seconds / self.step_s / 60:.1f} h heard a minute"
        )


class Numbers:
    """Units: as many as the model has, texts being numbers."""

    def __len__(self) -> int:
        """Count them, blank included."""
        return ModelSettings.vocabulary

    def encode(self, text: str) -> list[int]:
        """Give the units of a text."""
        return [int(number) for number in text.split()]

    def pieces(self) -> list[str]:
        """Give their spelling."""
        return [str(number) for number in range(len(self))]


def rehearse(model: ModelSettings, device: torch.device, *, rows: int, row_seconds: float, steps: int) -> Rehearsal:
    """Train for some steps, plainly and recorded, and compare."""
    pack = _sound(12 * rows * row_seconds, min(LONGEST_S, row_seconds / 2))
    record: Recorder = CudaRecorder() if device.type == "cuda" else lambda work: work
    fast = TrainSettings(
        listen=0,
        average=0.999,
        rate=0.012,
        batch_seconds=rows * row_seconds,
        row_seconds=row_seconds,
        channel=Channel(fastest=1.05),
    )
    exact = replace(fast, half=False)
    with _trainer(pack, model, exact, device, None) as plain, _trainer(pack, model, exact, device, record) as recorded:
        first, second = (tuple(_losses(trainer, FIRST_STEPS)) for trainer in (plain, recorded))
    with _trainer(pack, model, fast, device, record) as trainer:
        _losses(trainer, 2)
        begun = time.monotonic()
        float(list(_steps(trainer, steps))[-1])  # asking for each loss would wait for each step
        return Rehearsal(first, second, (time.monotonic() - begun) / steps, rows * row_seconds)


@contextmanager
def _trainer(
    pack: Pack, model: ModelSettings, settings: TrainSettings, device: torch.device, record: Recorder | None
) -> Iterator[Trainer]:
    with TemporaryDirectory() as folder:
        yield Trainer(Path(folder), pack, Numbers(), model, settings=settings, device=device, record=record)


def _steps(trainer: Trainer, steps: int) -> Iterator[Tensor]:
    batches = trainer.material.plan(0, 1)
    for step in range(steps):
        yield trainer.train_step(batches[step % len(batches)]).joint


def _losses(trainer: Trainer, steps: int) -> list[float]:
    return [float(loss) for loss in _steps(trainer, steps)]


def _sound(seconds: float, longest_s: float) -> Pack:
    """Make up clips, with a text for every length, and noise."""
    choose = np.random.default_rng(1)
    samples = (2000 * choose.standard_normal(int(seconds * RATE))).astype(np.int16)
    clips, place = [], 0
    while place < len(samples) - int(longest_s * RATE):
        size = int(choose.uniform(0.7, longest_s) * RATE)
        said = choose.integers(1, ModelSettings.vocabulary, int(size / RATE / LONGEST_S * LONGEST_TEXT))
        clips.append(Clip(place, size, "train", "made up", "", " ".join(map(str, said))))
        place += size
    return Pack(samples, (*clips, Clip(0, 10 * RATE, "noise", "made up", "", "")))
