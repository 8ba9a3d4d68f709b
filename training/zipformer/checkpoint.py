"""Checkpoints that survive being killed while they are written, and weights for averaging."""

import os
from collections.abc import Sequence
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


def average(parts: Sequence[tuple[Path, float]], output: Path, *, half: bool = False) -> None:
    """Write the mean of several weights.

    Args:
        parts: files, of whatever run, and how much each counts; the shares are made to add up to 1.
        output: file to write.
        half: as float16, in half the bytes.

    Raises:
        ValueError: there is nothing to average, or the networks differ in shape.
    """
    whole = sum(share for _, share in parts)
    if not parts or whole <= 0:
        raise ValueError("no weights to average; train first, or name a folder that holds weights-*.pt")
    settings, mean = None, dict[str, Any]()
    for path, share in parts:
        values = torch.load(path, map_location="cpu", weights_only=True)
        if settings not in (None, values["settings"]):
            raise ValueError(f"{path}: a network of another shape than that of {parts[0][0]}")
        settings = values["settings"]
        for name, tensor in values["model"].items():
            mean[name] = mean.get(name, 0.0) + tensor.double() * (share / whole)
    kind = torch.float16 if half else torch.float32
    save_atomically({"settings": settings, "model": {name: each.to(kind) for name, each in mean.items()}}, output)
