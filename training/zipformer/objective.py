"""What training minimises: the transducer losses of a batch, and a flat start for a network that cannot hear yet."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.precision import autocast
from training.zipformer.data.batches import Batch
from training.zipformer.data.row_batches import RowBatch
from training.zipformer.loss.choice import fastest_sums
from training.zipformer.loss.flat_start import flat_start_loss
from training.zipformer.loss.pruned import losses
from training.zipformer.model.transducer import Transducer
from training.zipformer.settings import TrainSettings

FRAMES_PER_TOKEN = 10
"""Encoder frames per token that a batch is taken to have at least."""


class Losses(NamedTuple):
    """Of one batch."""

    acoustic: Tensor
    """without decoder, nats per token"""
    joint: Tensor
    """of the joiner, nats per token"""
    flat_start: Tensor
    """tokens spread evenly, nats per loud frame; 0 once the warm-up is over"""


class Objective:
    """Losses of a network, weighted as a step of the run asks for."""

    def __init__(self, model: Transducer, settings: TrainSettings, device: torch.device) -> None:
        self.model, self.settings, self.device = model, settings, device
        self._sums = fastest_sums(device)

    def listening(self, step: int) -> bool:
        """Whether a step is one of the flat start alone."""
        return step < self.settings.listen

    def losses(self, batch: Batch | RowBatch, chunk: int, left: int, step: int) -> Losses:
        """Run the network as a stream of so many frames at once."""
        kind, cached = self.device.type, self.device.type == "cpu"  # copies kept for later would outlive a graph
        with autocast(kind, wanted=self.settings.half, cached=cached):
            encoded, frames = self.model.encoder(batch.features, batch.lengths, chunk, left)
            if isinstance(batch, RowBatch):
                encoded, frames = batch.cuts.of(encoded), batch.cuts.frames
            acoustic, joint = losses(
                self.model, encoded, frames, batch.targets, batch.tokens, band=self.settings.band, sums=self._sums
            )
            guess = acoustic.new_zeros(())
            if isinstance(batch, Batch) and self._guessing(step):
                guess = flat_start_loss(self.model.acoustic(encoded), batch)
        tokens = torch.maximum(batch.tokens.sum(), frames.sum() // FRAMES_PER_TOKEN)  # few where most is noise
        return Losses(acoustic.sum() / tokens, joint.sum() / tokens, guess)

    def weighted(self, found: Losses, step: int) -> Tensor:
        """Give what a step minimises."""
        settings = self.settings
        if self.listening(step):
            return found.flat_start
        part = min(1.0, (step - settings.listen) / max(1, settings.warmup)) if settings.listen else 1.0
        known = settings.acoustic * found.acoustic + (0.1 + 0.9 * part) * found.joint
        return known + (1.0 - part) * found.flat_start

    def _guessing(self, step: int) -> bool:
        """Whether tokens spread evenly still help: never where `listen` is 0, for a network that can hear."""
        settings = self.settings
        return bool(settings.listen) and step < settings.listen + settings.warmup
