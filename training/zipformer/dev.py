"""The joint loss on held-out speakers, as a 320 ms stream: how good weights are, without a search."""

from pathlib import Path

import torch

from training.zipformer.checkpoint import load_model
from training.zipformer.data.batches import plan_epoch
from training.zipformer.data.pack import read_pack
from training.zipformer.data.units import read_units
from training.zipformer.material import Material
from training.zipformer.objective import Objective
from training.zipformer.settings import TrainSettings

CHUNK, LEFT = 16, 64
"""Frames at once and frames before them that are kept: 320 ms and 1.28 s."""


def dev_loss(material: Material, objective: Objective, step: int = 0) -> float | None:
    """Nats per token, of the objective's network as it is; None without a dev split."""
    objective.model.eval()
    total, tokens, heard = 0.0, 0, 0.0
    for clips in plan_epoch(material.dev, objective.settings.batch_seconds, seed=0):
        batch = material.plain.batch(clips, seed=0)
        count = int(batch.tokens.sum())
        with torch.no_grad():
            total += float(objective.losses(batch, CHUNK, LEFT, step).joint) * count
        tokens += count
        heard += sum(clip.seconds for clip in clips)
        if heard > objective.settings.dev_seconds:
            break
    return total / tokens if tokens else None


def dev_loss_of(weights: Path, data: Path, batch_seconds: float) -> float | None:
    """Give the loss of a file of weights on the dev split of a prepared folder, as a run with such batches tells it."""
    model, device = load_model(weights), torch.device("cpu")
    settings = TrainSettings(listen=0, batch_seconds=batch_seconds)
    material = Material(read_pack(data), read_units(data), settings, device, model.settings.mel_bins)
    return dev_loss(material, Objective(model, settings, device))
