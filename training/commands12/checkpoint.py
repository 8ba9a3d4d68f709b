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


def save(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress, epochs: int) -> None:
    """Write everything a run needs to go on."""
    part = path.with_suffix(".part")
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "progress": vars(progress)}
    torch.save({**state, "epochs": epochs}, part)
    part.replace(path)


def resume(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> Progress:
    """Bring model and optimiser to where the checkpoint was; a fresh start when there is none."""
    if not path.exists():
        return Progress()
    state = read(path)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return Progress(**state["progress"])


def read(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content
