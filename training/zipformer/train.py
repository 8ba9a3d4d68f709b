"""The training loop: resumable at any moment, the same whether interrupted or not.

Step s of a run depends only on the state after step s - 1, the seed, s and the number of workers: data order,
augmentation, chunk sizes and dropout are all drawn from generators seeded with them.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from training.zipformer import metrics
from training.zipformer.averaging import MovingAverage
from training.zipformer.checkpoint import CHECKPOINT, load_model, save_atomically, save_weights
from training.zipformer.data.batches import Batch, plan_epoch
from training.zipformer.data.pack import Clip, Pack, read_pack
from training.zipformer.data.row_batches import RowBatch
from training.zipformer.data.rows import Row
from training.zipformer.data.units import Units, read_units
from training.zipformer.flat import FlatParameters
from training.zipformer.loss.flat_start import flat_start_loss
from training.zipformer.loss.pruned import losses
from training.zipformer.material import Material
from training.zipformer.model.settings import ModelSettings
from training.zipformer.model.transducer import Transducer
from training.zipformer.optimizer import ScaledAdam, learning_rate
from training.zipformer.progress import bar
from training.zipformer.settings import TrainSettings
from training.zipformer.workers import Workers

FRAME_S = 0.01
FRAMES_PER_TOKEN = 10
"""Encoder frames per token that a batch is taken to have at least."""
ONE = Workers()


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
        workers: Workers = ONE,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings, self.device, self.workers = folder, settings, device, workers
        torch.manual_seed(settings.seed)
        self.model = Transducer(model_settings).to(device)
        self.model.encoder.encoder_embed.to(memory_format=torch.channels_last)
        self.flat = FlatParameters(self.model)
        self.optimizer = ScaledAdam(self.flat, lr=settings.rate)
        self.progress = Progress()
        self._begun = self._saved_at = time.monotonic()
        self.average = MovingAverage(self.flat, settings.average)
        self.material = Material(pack, units, settings, device, model_settings.mel_bins)
        self._resume()

    def begin_with(self, weights: Path) -> None:
        """Take the weights of another run or a finished model, unless this run has begun already."""
        if self.progress.step == 0:
            self.model.load_state_dict(load_model(weights).state_dict())
            self.average = MovingAverage(self.flat, self.settings.average)

    def run(self) -> None:
        """Train until the settings say stop; a report, a checkpoint and a plot are written on the way."""
        begun, total = self._begun, self.settings.steps or None
        with bar(shown=self.workers.leads) as display:
            task = display.add_task("training", total=total, completed=self.progress.step, note="")
            for result in self._steps(begun):
                note = f"epoch {self.progress.epoch} loss {float(result.joint):.3f}"
                display.update(task, completed=self.progress.step, note=note)
        if self.workers.leads:
            self._save()
            self._plot()

    def train_step(self, clips: Sequence[Clip] | Sequence[Row]) -> Losses:
        """Take one step; gives the losses before it, nats per token."""
        common = self.settings.seed * 1_000_003 + self.progress.step
        seed = common * self.workers.count + self.workers.rank
        torch.manual_seed(seed)
        self._set_rates()
        self.model.train()
        batch = self.material.batch(clips, seed, plain=self._listening())
        chunk, left = random.Random(common).choice(self.settings.chunks)  # alike for all: they cost alike
        result = self._losses(batch, chunk, left)
        self.flat.clear_gradients()
        self._weighted(result).backward()
        self.workers.share(self.flat.gradients)
        self.optimizer.step()
        self.progress.step += 1
        self.average.update(self.progress.step)
        self.progress.hours += self.workers.total(float(batch.lengths.sum())) * FRAME_S / 3600
        return Losses(*(loss.detach() for loss in result))

    @torch.no_grad()
    def dev_loss(self, chunk: int = 16, left: int = 64) -> float | None:
        """Joint loss on held-out speakers, nats per token, as a 320 ms stream; None without a dev split."""
        with self.average.in_place():
            return self._dev_loss(chunk, left)

    def _dev_loss(self, chunk: int, left: int) -> float | None:
        self.model.eval()
        total, tokens, heard = 0.0, 0, 0.0
        for clips in plan_epoch(self.material.dev, self.settings.batch_seconds, seed=0):
            batch = self.material.plain.batch(clips, seed=0)
            count = int(batch.tokens.sum())
            total += float(self._losses(batch, chunk, left).joint) * count
            tokens += count
            heard += sum(clip.seconds for clip in clips)
            if heard > self.settings.dev_seconds:
                break
        return total / tokens if tokens else None

    def _steps(self, begun: float) -> Iterator[Losses]:
        while True:
            batches = self._plan()
            while self.progress.batch + self.workers.count <= len(batches):
                if self._finished(begun):
                    return
                before = time.monotonic()
                result = self.train_step(batches[self.progress.batch + self.workers.rank])
                self.progress.batch += self.workers.count
                self.progress.wall_s += time.monotonic() - before
                if self.workers.leads:
                    self._keep_books(result)
                yield result
            self.progress.epoch += 1
            self.progress.batch = 0

    def _plan(self) -> Sequence[Sequence[Clip] | Sequence[Row]]:
        batches = self.material.plan(self.progress.epoch, self.workers.count)
        if len(batches) < self.workers.count:
            raise ValueError(
                f"no batch for each of {self.workers.count} workers: take fewer workers or smaller batches"
            )
        return batches

    def _listening(self) -> bool:
        return self.progress.step < self.settings.listen

    def _guessing(self) -> bool:
        """Whether tokens spread evenly still help: never where `listen` is 0, for a network that can hear."""
        settings = self.settings
        return bool(settings.listen) and self.progress.step < settings.listen + settings.warmup

    def _finished(self, begun: float) -> bool:
        over_time = self.settings.minutes and time.monotonic() - begun > 60 * self.settings.minutes
        enough = bool(over_time or (self.settings.steps and self.progress.step >= self.settings.steps))
        return self.workers.total(enough) > 0  # the clocks of the others may differ

    def _losses(self, batch: Batch | RowBatch, chunk: int, left: int) -> Losses:
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.settings.half):
            encoded, frames = self.model.encoder(batch.features, batch.lengths, chunk, left)
            if isinstance(batch, RowBatch):
                encoded, frames = batch.cuts.of(encoded), batch.cuts.frames
            acoustic, joint = losses(self.model, encoded, frames, batch.targets, batch.tokens, band=self.settings.band)
            guess = acoustic.new_zeros(())
            if isinstance(batch, Batch) and self._guessing():
                guess = flat_start_loss(self.model.acoustic(encoded), batch)
        tokens = torch.maximum(batch.tokens.sum(), frames.sum() // FRAMES_PER_TOKEN)  # few where most is noise
        return Losses(acoustic.sum() / tokens, joint.sum() / tokens, guess)

    def _weighted(self, result: Losses) -> torch.Tensor:
        if self._listening():
            return result.flat_start
        settings = self.settings
        part = min(1.0, (self.progress.step - settings.listen) / max(1, settings.warmup)) if settings.listen else 1.0
        known = settings.acoustic * result.acoustic + (0.1 + 0.9 * part) * result.joint
        return known + (1.0 - part) * result.flat_start

    def _set_rates(self) -> None:
        cooling = self._cooling()
        self.optimizer.lr = learning_rate(self.progress.step, self.settings) * cooling

    def _cooling(self) -> float:
        """Share of the learning rate that the clock leaves; the leader's clock counts, for all must step alike."""
        settings = self.settings
        if not settings.cool_minutes:
            return 1.0
        left = settings.minutes - (time.monotonic() - self._begun) / 60
        return self.workers.total(min(1.0, max(0.05, left / settings.cool_minutes)) if self.workers.leads else 0.0)

    def _keep_books(self, result: Losses) -> None:
        step, settings = self.progress.step, self.settings
        with_dev = step % settings.dev_every == 0
        if with_dev or step % settings.report_every == 0:
            self._report(result, self.dev_loss() if with_dev else None)
        if step % settings.weights_every == 0:
            with self.average.in_place():
                save_weights(self.folder, self.model, step, settings.keep)
        if time.monotonic() - self._saved_at > 60 * settings.save_minutes:
            self._save()

    def _report(self, result: Losses, dev: float | None) -> None:
        now, rate = self.progress, self.optimizer.lr
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
            "average": self.average.values,
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
        self.average = MovingAverage(self.flat, self.settings.average, values.get("average"))
        self.optimizer.load_state_dict(values["optimizer"])
        self.progress = Progress(**values["progress"])
        if self.workers.leads:
            metrics.cut_after(self.folder / "metrics.csv", self.progress.step)


def train(
    workers: Workers,
    *,
    data: Path,
    folder: Path,
    front_channels: tuple[int, int, int],
    settings: TrainSettings,
    threads: int,
    begin: Path | None = None,
) -> None:
    """Train, or go on training from the last checkpoint in `folder`.

    Args:
        workers: which one this is.
        data: folder made by `prepare`.
        folder: of the run: checkpoint, weights, metrics.
        front_channels: of the network's front end.
        settings: how to train.
        threads: CPU threads of this worker, 0 for all.
        begin: weights to begin a run with, which also say what shape the network has; None begins from nothing.
    """
    torch.set_num_threads(threads or torch.get_num_threads())
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    units = read_units(data)
    model = ModelSettings(vocabulary=len(units), front_channels=front_channels)
    if begin is not None:
        model = load_model(begin).settings
    trainer = Trainer(folder, read_pack(data), units, model, settings=settings, device=device, workers=workers)
    if begin is not None:
        trainer.begin_with(begin)
    trainer.run()
