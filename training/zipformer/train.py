"""The training loop: resumable at any moment, the same whether interrupted or not.

Step s of a run depends only on the state after step s - 1, the seed and s: data order, augmentation, chunk sizes and
dropout are all drawn from generators seeded with them.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.zipformer import metrics
from training.zipformer.checkpoint import CHECKPOINT, save_atomically, save_weights
from training.zipformer.data.augment import AugmentSettings
from training.zipformer.data.batches import Batch, Batcher, feasible, plan_epoch, stretches
from training.zipformer.data.pack import Clip, Pack
from training.zipformer.data.units import Units
from training.zipformer.loss.flat_start import flat_start_loss
from training.zipformer.loss.pruned import losses
from training.zipformer.model.settings import ModelSettings
from training.zipformer.model.transducer import Transducer
from training.zipformer.optimizer import ScaledAdam, learning_rate
from training.zipformer.progress import bar

CHUNKS = ((8, 64), (16, 64), (16, 64), (16, 128), (32, 64), (32, -1), (0, -1))
"""(chunk, left context) in inner frames of 20 ms, one drawn per batch; 0 is all in one, -1 all heard so far."""
FRAME_S = 0.01
FRAMES_PER_TOKEN = 10
"""Encoder frames per token that a batch is taken to have at least."""
NOISE_S = 14.0
"""Recorded noise is trained on in stretches of at most this length, with nothing to say."""


@dataclass(frozen=True)
class TrainSettings:
    """How to train."""

    steps: int = 0
    """stop after so many steps; 0 goes on for ever"""
    minutes: float = 0.0
    """stop after so many minutes of this process; 0 goes on for ever"""
    batch_seconds: float = 100.0
    longest_s: float = 17.0
    band: int = 8
    """tokens per frame that the joiner is run on; 0 for the full lattice"""
    acoustic: float = 0.4
    """weight of the loss without decoder"""
    listen: int = 250
    """first steps, with a flat start alone and nothing augmented, see loss/flat_start.py"""
    short_s: float = 5.0
    """longest utterance of the first epoch: the shorter, the better the guess of a flat start"""
    rate: float = 0.04
    warmup: int = 300
    decay: int = 4000
    cool_down: bool = False
    """let the learning rate fall to a twentieth towards `steps`"""
    seed: int = 1
    report_every: int = 20
    dev_every: int = 400
    dev_seconds: float = 1200.0
    save_minutes: float = 2.0
    """time between checkpoints; what is lost at most when the process is killed"""
    weights_every: int = 400
    keep: int = 20
    chunks: tuple[tuple[int, int], ...] = CHUNKS
    half: bool = True
    """multiply matrices in bfloat16"""
    augment: AugmentSettings = field(default_factory=AugmentSettings)


class Losses(NamedTuple):
    """What training minimises."""

    acoustic: torch.Tensor
    """without decoder, nats per token"""
    joint: torch.Tensor
    """of the joiner, nats per token"""
    flat_start: torch.Tensor
    """tokens spread evenly, nats per loud frame; 0 once the warm-up is over"""


@dataclass
class Progress:
    """Where a run stands; saved with every checkpoint."""

    step: int = 0
    epoch: int = 0
    batch: int = 0
    """batches of this epoch that are done"""
    hours: float = 0.0
    wall_s: float = 0.0


class Trainer:
    """One run in one folder."""

    def __init__(
        self,
        folder: Path,
        pack: Pack,
        units: Units,
        model_settings: ModelSettings,
        *,
        settings: TrainSettings,
        device: torch.device,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings, self.device = folder, settings, device
        torch.manual_seed(settings.seed)
        self.model = Transducer(model_settings).to(device)
        self.model.encoder.encoder_embed.to(memory_format=torch.channels_last)
        self.optimizer = ScaledAdam(self.model.parameters(), lr=settings.rate)
        self.progress = Progress()
        self._saved_at = time.monotonic()
        self._loud = Batcher(pack, units, settings.augment, device, model_settings.mel_bins)
        self._plain = self._loud.without_augmentation()
        said = [clip for clip in pack.of("train") if self._usable(clip)]
        self._train = [*said, *stretches(pack.of("noise"), NOISE_S)]
        self._dev = [clip for clip in pack.of("dev") if self._usable(clip)]
        self._resume()

    def run(self) -> None:
        """Train until the settings say stop; a report, a checkpoint and a plot are written on the way."""
        begun, total = time.monotonic(), self.settings.steps or None
        with bar() as display:
            task = display.add_task("training", total=total, completed=self.progress.step, note="")
            for result in self._steps(begun):
                note = f"epoch {self.progress.epoch} loss {float(result.joint):.3f}"
                display.update(task, completed=self.progress.step, note=note)
        self._save()
        self._plot()

    def train_step(self, clips: list[Clip]) -> Losses:
        """Take one step; gives the losses before it, nats per token."""
        seed = self.settings.seed * 1_000_003 + self.progress.step
        torch.manual_seed(seed)
        self._set_rates()
        self.model.train()
        batch = (self._plain if self._listening() else self._loud).batch(clips, seed)
        chunk, left = random.Random(seed).choice(self.settings.chunks)
        result = self._losses(batch, chunk, left)
        self.optimizer.zero_grad(set_to_none=True)
        self._weighted(result).backward()
        self.optimizer.step()
        self.progress.step += 1
        self.progress.hours += float(batch.lengths.sum()) * FRAME_S / 3600
        return Losses(*(loss.detach() for loss in result))

    @torch.no_grad()
    def dev_loss(self, chunk: int = 16, left: int = 64) -> float | None:
        """Joint loss on held-out speakers, nats per token, as a 320 ms stream; None without a dev split."""
        self.model.eval()
        total, tokens, heard = 0.0, 0, 0.0
        for clips in plan_epoch(self._dev, self.settings.batch_seconds, seed=0):
            batch = self._plain.batch(clips, seed=0)
            count = int(batch.tokens.sum())
            total += float(self._losses(batch, chunk, left).joint) * count
            tokens += count
            heard += sum(clip.seconds for clip in clips)
            if heard > self.settings.dev_seconds:
                break
        return total / tokens if tokens else None

    def _usable(self, clip: Clip) -> bool:
        tokens = len(self._loud.targets(clip))
        return tokens > 0 and feasible(clip, tokens, self.settings.longest_s)

    def _steps(self, begun: float) -> Iterator[Losses]:
        while True:
            batches = self._plan()
            while self.progress.batch < len(batches):
                if self._finished(begun):
                    return
                before = time.monotonic()
                result = self.train_step(batches[self.progress.batch])
                self.progress.batch += 1
                self.progress.wall_s += time.monotonic() - before
                self._keep_books(result)
                yield result
            self.progress.epoch += 1
            self.progress.batch = 0

    def _plan(self) -> list[list[Clip]]:
        epoch, settings = self.progress.epoch, self.settings
        short = [clip for clip in self._train if clip.seconds <= settings.short_s]
        return plan_epoch(self._train if epoch or not short else short, settings.batch_seconds, settings.seed + epoch)

    def _listening(self) -> bool:
        return self.progress.step < self.settings.listen

    def _guessing(self) -> bool:
        return self.progress.step < self.settings.listen + self.settings.warmup

    def _finished(self, begun: float) -> bool:
        over_time = self.settings.minutes and time.monotonic() - begun > 60 * self.settings.minutes
        return bool(over_time or (self.settings.steps and self.progress.step >= self.settings.steps))

    def _losses(self, batch: Batch, chunk: int, left: int) -> Losses:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.half):
            encoded, frames = self.model.encoder(batch.features, batch.lengths, chunk, left)
            acoustic, joint = losses(self.model, encoded, frames, batch.targets, batch.tokens, band=self.settings.band)
            guess = flat_start_loss(self.model.acoustic(encoded), batch) if self._guessing() else acoustic.new_zeros(())
        tokens = torch.maximum(batch.tokens.sum(), frames.sum() // FRAMES_PER_TOKEN)  # few where most is noise
        return Losses(acoustic.sum() / tokens, joint.sum() / tokens, guess)

    def _weighted(self, result: Losses) -> torch.Tensor:
        if self._listening():
            return result.flat_start
        settings = self.settings
        part = min(1.0, (self.progress.step - settings.listen) / max(1, settings.warmup))
        known = settings.acoustic * result.acoustic + (0.1 + 0.9 * part) * result.joint
        return known + (1.0 - part) * result.flat_start

    def _set_rates(self) -> None:
        settings, step = self.settings, self.progress.step
        last = settings.steps if settings.cool_down else 0
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(step, settings.rate, settings.warmup, settings.decay, last)

    def _keep_books(self, result: Losses) -> None:
        step, settings = self.progress.step, self.settings
        with_dev = step % settings.dev_every == 0
        if with_dev or step % settings.report_every == 0:
            self._report(result, self.dev_loss() if with_dev else None)
        if step % settings.weights_every == 0:
            save_weights(self.folder, self.model, step, settings.keep)
        if time.monotonic() - self._saved_at > 60 * settings.save_minutes:
            self._save()

    def _report(self, result: Losses, dev: float | None) -> None:
        now, rate = self.progress, self.optimizer.param_groups[0]["lr"]
        acoustic, joint = round(float(result.acoustic), 4), round(float(result.joint), 4)
        norm = self.optimizer.last_norm()
        row = metrics.Report(now.step, now.epoch, now.hours, now.wall_s, rate, norm, acoustic, joint, dev)
        metrics.append(self.folder / "metrics.csv", row)
        if dev is not None:
            self._plot()

    def _plot(self) -> None:
        if (self.folder / "metrics.csv").exists():
            metrics.plot(self.folder / "metrics.csv", self.folder / "metrics.png")

    def _save(self) -> None:
        values = {
            "settings": self.model.settings.to_json(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
        }
        save_atomically(values, self.folder / CHECKPOINT)
        self._saved_at = time.monotonic()

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        values: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(values["model"])
        self.optimizer.load_state_dict(values["optimizer"])
        self.progress = Progress(**values["progress"])
        metrics.cut_after(self.folder / "metrics.csv", self.progress.step)
