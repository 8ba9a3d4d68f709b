"""The training loop: AdamW, warm-up and cosine decay, label smoothing, SpecAugment off towards the end.

Everything random in step n depends on the seed and n alone, so a run that was killed and goes on from its last
checkpoint gives the numbers of one that was not.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from measure.commands import LABELS
from training.commands12 import checkpoint, curves
from training.commands12.augment import Augmenter, AugmentSettings, with_history
from training.commands12.bank import Bank
from training.commands12.checkpoint import Progress
from training.commands12.models.registry import Recipe
from training.commands12.plan import EpochMix, epoch_rows
from training.commands12.restore import restored
from training.commands12.teachers import posteriors
from training.commands12.validation import Validation
from training.precision import autocast

LABEL_SMOOTHING = 0.05
PRIOR_PART = 0.2  # of the logarithm of how often a class is shown; found on the validation speakers
WARM_UP_STEPS = 200
MASKED_PART = 0.6  # of all steps; then SpecAugment is off
CHECKPOINT_STEPS = 50
CLIP_NORM = 5.0
TAUGHT_PART = 0.6  # of the loss, where there are teachers
AVERAGE_KEPT = 0.998  # of the mean of the weights, at every step


@dataclass(frozen=True)
class Job:
    """One training run: where its files are and how long it is."""

    folder: Path
    epochs: int
    begin: Path | None = None
    """An exported file whose weights a new run starts from; without one it starts anew."""
    peak_rate: float | None = None
    """Learning rate instead of the recipe's."""
    teachers: tuple[str, ...] = ()
    """Names of exported models whose posteriors are part of the target."""
    bundle: Path = Path()
    """Folder of the exported models."""
    seed: int = 12
    mix: EpochMix = field(default_factory=EpochMix)

    @property
    def checkpoint(self) -> Path:
        """The file a run goes on from."""
        return self.folder / "checkpoint.pt"


@dataclass(frozen=True)
class Report:
    """Told after every step."""

    step: int
    steps: int
    loss: float


class Trainer:
    """One model being trained on one bank."""

    def __init__(self, bank: Bank, recipe: Recipe, job: Job) -> None:
        self._bank, self._recipe, self._job = bank, recipe, job
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(job.seed)
        self._peak_rate = job.peak_rate or recipe.peak_rate
        self.model = self._build()
        self._optimiser = torch.optim.AdamW(
            parameter_groups(self.model, recipe.weight_decay), lr=self._peak_rate, betas=(0.9, 0.98)
        )
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_KEPT), use_buffers=True)
        self._parts = checkpoint.Parts(self.model, self.average, self._optimiser)
        job.folder.mkdir(parents=True, exist_ok=True)
        self.progress = checkpoint.resume(job.checkpoint, self._parts) if job.checkpoint.exists() else Progress()
        settings = AugmentSettings(noise_probability=recipe.noise, babble_part=recipe.babble)
        self._augmenter = Augmenter(bank, settings, self._device)
        self._validation = Validation(bank)
        self._taught = (
            posteriors(job.teachers, job.bundle, bank.pictures, job.folder.parent).to(self._device)
            if job.teachers
            else None
        )
        self._rows = lru_cache(maxsize=1)(lambda epoch: epoch_rows(bank, job.mix, job.seed, epoch))
        self._priors = priors(bank.labels[self._rows(0)]).to(self._device)
        self.steps_per_epoch = len(self._rows(0)) // recipe.batch
        self.steps = self.steps_per_epoch * job.epochs

    def _build(self) -> nn.Module:
        build, begin = self._recipe.build, self._job.begin
        goes_on = self._job.checkpoint.exists()
        model = restored(build, begin, self._bank.pictures) if begin and not goes_on else build()
        return model.to(self._device, memory_format=torch.channels_last)

    def run(self, on_step: Callable[[Report], None] = lambda _: None) -> None:
        """Train to the end, saving every few steps and after every epoch."""
        started, before = time.monotonic(), self.progress.seconds
        while self.progress.step < self.steps:
            loss = self._step()
            self.progress.seconds = before + time.monotonic() - started
            at_end = self.progress.step % self.steps_per_epoch == 0
            if at_end:
                self._end_epoch()
            if at_end or self.progress.step % CHECKPOINT_STEPS == 0:
                self.save()
            on_step(Report(self.progress.step, self.steps, loss))

    def save(self) -> None:
        """Write the checkpoint."""
        checkpoint.save(self._job.checkpoint, self._parts, self.progress, self._job.epochs)

    def _step(self) -> float:
        step = self.progress.step
        rows = self._batch_rows(step)
        pictures, labels = self._batch(step, rows)
        for group in self._optimiser.param_groups:
            group["lr"] = self._peak_rate * rate(step, self.steps)
        torch.manual_seed(self._job.seed + step)  # dropout
        self.model.train()
        loss, logits = self._loss(pictures, labels, rows)
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), CLIP_NORM)
        self._optimiser.step()
        self.average.update_parameters(self.model)
        self.progress.step += 1
        value = float(loss.detach())
        self.progress.loss_sum += value
        self.progress.correct_sum += int((logits.argmax(dim=1) == labels).sum())
        return value

    def _loss(self, pictures: Tensor, labels: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        with autocast(self._device.type, wanted=self._recipe.bfloat16):
            logits = self.model(pictures).float()
        loss = functional.cross_entropy(logits + self._priors, labels, label_smoothing=LABEL_SMOOTHING)
        if self._taught is None:
            return loss, logits
        taught = functional.cross_entropy(logits, self._taught[rows.to(self._device)])
        return (1.0 - TAUGHT_PART) * loss + TAUGHT_PART * taught, logits

    def _batch_rows(self, step: int) -> Tensor:
        epoch, place = divmod(step, self.steps_per_epoch)
        return torch.from_numpy(self._rows(epoch)[place * self._recipe.batch : (place + 1) * self._recipe.batch])

    def _batch(self, step: int, rows: Tensor) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(self._job.seed * 1_000_003 + step)
        masked = self._recipe.masked and step < MASKED_PART * self.steps
        pictures, labels = self._augmenter.batch(rows, generator, masked)
        return (with_history(pictures, generator) if self._recipe.engine == "nc-ssm" else pictures), labels

    def _end_epoch(self) -> None:
        shown = self.steps_per_epoch * self._recipe.batch
        quiet, noisy = self._validation.judge(self.average)
        line = curves.EpochLine(
            epoch=self.progress.step // self.steps_per_epoch,
            learning_rate=self._optimiser.param_groups[0]["lr"],
            train_loss=self.progress.loss_sum / self.steps_per_epoch,
            train_accuracy=self.progress.correct_sum / shown,
            validation_accuracy=quiet.accuracy,
            validation_in_babble=noisy.accuracy,
            seconds=self.progress.seconds,
        )
        curves.append(self._job.folder / "curves.csv", line)
        self.progress.loss_sum, self.progress.correct_sum = 0.0, 0


def use_threads(count: int) -> None:
    """How many CPU threads torch may take."""
    torch.set_num_threads(count)


def rate(step: int, steps: int) -> float:
    """Learning rate relative to its peak: linear warm-up, then half a cosine."""
    warm_up = min(WARM_UP_STEPS, steps // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def priors(labels: NDArray[np.int64]) -> Tensor:
    """What to add to logits while training, so that a class that is shown more often is not preferred in use.

    Logit adjustment (Menon et al. 2021, arXiv:2007.07314), in part: most of what is shown as unknown is running speech,
    which is easily told from single words.
    """
    counts = np.maximum(np.bincount(labels, minlength=len(LABELS)), 1)
    return torch.from_numpy(PRIOR_PART * np.log(counts / np.median(counts))).float()


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices and kernels decay; biases, normalisation and other vectors do not."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
