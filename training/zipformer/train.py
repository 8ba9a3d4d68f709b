"""The training loop: resumable at any moment, the same whether interrupted or not.

Step s of a run depends only on the state after step s - 1, the seed, s and the number of workers: data order,
augmentation, chunk sizes and dropout are all drawn from generators seeded with them.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.zipformer import metrics
from training.zipformer.averaging import MovingAverage
from training.zipformer.checkpoint import CHECKPOINT, load_model, save_atomically, save_weights
from training.zipformer.data.pack import Clip, Pack, read_pack
from training.zipformer.data.row_batches import RowBatch
from training.zipformer.data.rows import Row
from training.zipformer.data.units import Units, read_units
from training.zipformer.dev import dev_loss
from training.zipformer.flat import FlatParameters
from training.zipformer.material import Material
from training.zipformer.model.compiled import compile_layers
from training.zipformer.model.settings import ModelSettings
from training.zipformer.model.transducer import Transducer
from training.zipformer.objective import Losses, Objective
from training.zipformer.optimizer import ScaledAdam, learning_rate
from training.zipformer.progress import bar
from training.zipformer.saving import Saver, bring_home
from training.zipformer.settings import TrainSettings
from training.zipformer.steps import CudaRecorder, RecordedStep, Recorder, Step
from training.zipformer.workers import Workers

FRAME_S = 0.01
ONE = Workers()


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
        record: Recorder | None = None,
        out: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings, self.device, self.workers = folder, settings, device, workers
        self._record, self._out, self._saver, self._note = record, out, Saver(), ""
        torch.manual_seed(settings.seed)
        self.model = Transducer(model_settings).to(device)
        self.model.encoder.encoder_embed.to(memory_format=torch.channels_last)
        self.flat = FlatParameters(self.model)
        self.optimizer = ScaledAdam(self.flat, lr=settings.rate)
        self.progress = Progress()
        self._begun = self._saved_at = time.monotonic()
        self.average = MovingAverage(self.flat, settings.average)
        self.material = Material(pack, units, settings, device, model_settings.mel_bins)
        if record:
            self.material.fix_shapes()
        if settings.compile:
            compile_layers(self.model.encoder.stacks)
        self._resume()
        self._objective = Objective(self.model, settings, device)
        self._step: Step | RecordedStep = Step(self._objective, self.flat, self.optimizer, self.average, workers)

    def begin_with(self, weights: Path) -> None:
        """Take the weights of another run or a finished model, unless this run has begun already."""
        if self.progress.step == 0:
            self.model.load_state_dict(load_model(weights).state_dict())
            self.average.restart()

    def run(self) -> None:
        """Train until the settings say stop; a report, a checkpoint and a plot are written on the way."""
        begun, total = self._begun, self.settings.steps or None
        with bar(shown=self.workers.leads) as display:
            task = display.add_task("training", total=total, completed=self.progress.step, note="")
            for _ in self._steps(begun):
                display.update(task, completed=self.progress.step, note=self._note)
        if self.workers.leads:
            self._plot()
            self._save()
            self._saver.wait()

    def train_step(self, clips: Sequence[Clip] | Sequence[Row]) -> Losses:
        """Take one step; gives the losses before it, nats per token."""
        common = self.settings.seed * 1_000_003 + self.progress.step
        seed = common * self.workers.count + self.workers.rank
        torch.manual_seed(seed)
        self._set_rates()
        self.model.train()
        batch = self.material.batch(clips, seed, plain=self._objective.listening(self.progress.step))
        chunk, left = random.Random(common).choice(self.settings.chunks)  # alike for all: they cost alike
        if self._record and isinstance(self._step, Step) and isinstance(batch, RowBatch):
            self._step = RecordedStep(self._step, batch, self.settings.chunks, self._record)
        result = self._step.take(batch, chunk, left, self.progress.step)
        self.progress.step += 1
        self.progress.hours += self.workers.total(batch.heard()) * FRAME_S / 3600
        return result

    def dev_loss(self) -> float | None:
        """Joint loss on held-out speakers of the averaged weights, nats per token; None without a dev split."""
        with self.average.in_place():
            return dev_loss(self.material, self._objective, self.progress.step)

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
        batches = self.material.plan_ahead(self.progress.epoch, self.workers.count)
        if len(batches) < self.workers.count:
            raise ValueError(
                f"no batch for each of {self.workers.count} workers: take fewer workers or smaller batches"
            )
        return batches

    def _finished(self, begun: float) -> bool:
        over_time = self.settings.minutes and time.monotonic() - begun > 60 * self.settings.minutes
        enough = bool(over_time or (self.settings.steps and self.progress.step >= self.settings.steps))
        return self.workers.total(enough) > 0  # the clocks of the others may differ

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
        self._note = f"epoch {now.epoch} loss {joint:.3f}"
        row = metrics.Report(now.step, now.epoch, now.hours, now.wall_s, rate, norm, acoustic, joint, dev)
        metrics.append(self.folder / "metrics.csv", row)
        if dev is not None:
            self._plot()

    def _plot(self) -> None:
        if (self.folder / "metrics.csv").exists():
            metrics.plot(self.folder / "metrics.csv", self.folder / "metrics.png")

    def _save(self) -> None:
        vectors = {"model": self.flat.values, "average": self.average.vector, **self.optimizer.state}
        progress = dict(vars(self.progress))
        self._saver.save(vectors, lambda held: self._write(held, progress))
        self._saved_at = time.monotonic()

    def _write(self, held: dict[str, Tensor], progress: dict[str, Any]) -> None:
        values = {
            "settings": self.model.settings.to_json(),
            "model": self.flat.named(held["model"]),
            "average": self.flat.named(held["average"]) if self.average.decay else {},
            "optimizer": self.optimizer.state_dict(held),
            "progress": progress,
        }
        save_atomically(values, self.folder / CHECKPOINT)
        if self._out is not None:
            bring_home(values, self.folder, self._out)

    def _resume(self) -> None:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return
        values: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(values["model"])
        self.average.restart(values.get("average"))
        self.optimizer.load_state_dict(values["optimizer"])
        self.progress = Progress(**values["progress"])
        if self.workers.leads:
            metrics.cut_after(self.folder / "metrics.csv", self.progress.step)


def place_of(device: str, workers: Workers = ONE) -> torch.device:
    """Find what "auto", "cpu", "cuda" or "cuda-eager" means here.

    Raises:
        ValueError: there is no GPU, or there are more workers than it takes.
    """
    place = torch.device(
        "cuda" if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()) else "cpu"
    )
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no GPU that PyTorch can use here; train with --device cpu")
    if place.type == "cuda" and workers.count > 1:
        raise ValueError("a GPU is kept busy by one worker; leave out --workers, or train with --device cpu")
    return place


def train(
    workers: Workers,
    *,
    data: Path,
    folder: Path,
    front_channels: tuple[int, int, int],
    settings: TrainSettings,
    threads: int,
    begin: Path | None = None,
    device: str = "auto",
    out: Path | None = None,
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
        device: "cpu", "cuda", "cuda-eager" (without CUDA graphs), or "auto" for a GPU where there is one.
        out: where what the run has come to is written with every checkpoint, in small files.
    """
    torch.set_num_threads(threads or torch.get_num_threads())
    place = place_of(device, workers)
    units = read_units(data)
    model = ModelSettings(vocabulary=len(units), front_channels=front_channels)
    if begin is not None:
        model = load_model(begin).settings
    recordable = place.type == "cuda" and device != "cuda-eager" and settings.row_seconds and not settings.listen
    record = CudaRecorder() if recordable else None
    pack = read_pack(data)
    trainer = Trainer(
        folder, pack, units, model, settings=settings, device=place, workers=workers, record=record, out=out
    )
    if begin is not None:
        trainer.begin_with(begin)
    trainer.run()
