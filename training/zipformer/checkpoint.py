"""Checkpoints that survive being killed while they are written, and weights for averaging."""

import os
from pathlib import Path
from typing import Any

import torch

from training.zipformer.model.settings import ModelSettings
from training.zipformer.model.transducer import Transducer

CHECKPOINT = "checkpoint.pt"
"""Everything that training needs to go on."""
WEIGHTS = "weights-{step:07d}.pt"
"""The network alone, kept for averaging."""


def save_atomically(values: dict[str, Any], path: Path) -> None:
    """Write a file that is either the old one or the new one, never half of it."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as target:
        torch.save(values, target)
        target.flush()
        os.fsync(target.fileno())
    partial.replace(path)


def save_weights(folder: Path, model: Transducer, step: int, keep: int) -> Path:
    """Write the network of a step and drop all but the newest `keep`."""
    path = folder / WEIGHTS.format(step=step)
    save_atomically({"settings": model.settings.to_json(), "model": model.state_dict()}, path)
    for old in weight_files(folder)[:-keep]:
        old.unlink()
    return path


def weight_files(folder: Path) -> list[Path]:
    """List the kept weights, oldest first."""
    return sorted(folder.glob("weights-*.pt"))


def load_model(path: Path) -> Transducer:
    """Rebuild a network from weights, an average or a checkpoint.

    Raises:
        FileNotFoundError: there is no such file.
    """
    values = torch.load(path, map_location="cpu", weights_only=True)
    model = Transducer(ModelSettings.from_json(values["settings"]))
    model.load_state_dict(values["model"])
    return model


def average(paths: list[Path], output: Path) -> None:
    """Write the mean of several weights.

    Raises:
        ValueError: there is nothing to average.
    """
    if not paths:
        raise ValueError("no weights to average; train first, or name a folder that holds weights-*.pt")
    mean: dict[str, Any] = {}
    for path in paths:
        values = torch.load(path, map_location="cpu", weights_only=True)
        for name, tensor in values["model"].items():
            mean[name] = mean.get(name, 0.0) + tensor.double() / len(paths)
    settings = values["settings"]
    save_atomically({"settings": settings, "model": {k: v.float() for k, v in mean.items()}}, output)
