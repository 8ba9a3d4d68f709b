"""Checkpoints that survive SIGKILL: written whole beside the old one, then renamed over it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn


@dataclass
class Progress:
    """How far a run has come."""

    step: int = 0
    """Optimiser steps done."""
    loss_sum: float = 0.0
    """Over the steps of the epoch in progress."""
    correct_sum: int = 0
    """Right answers in the epoch in progress."""
    seconds: float = 0.0
    """Wall time of all sittings."""


@dataclass(frozen=True)
class Parts:
    """What changes while a run is on."""

    model: nn.Module
    average: nn.Module
    """The mean of its weights over the last steps, fading: the one that is judged and exported."""
    optimiser: torch.optim.Optimizer


def save(path: Path, parts: Parts, progress: Progress, epochs: int) -> None:
    """Write everything a run needs to go on."""
    part = path.with_suffix(".part")
    state = {name: value.state_dict() for name, value in vars(parts).items()}
    torch.save({**state, "progress": vars(progress), "epochs": epochs}, part)
    part.replace(path)


def resume(path: Path, parts: Parts) -> Progress:
    """Bring everything to where the checkpoint was."""
    state = read(path)
    for name, value in vars(parts).items():
        value.load_state_dict(state[name])
    return Progress(**state["progress"])


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content
