"""Exported models that a smaller one, or the next of its size, learns from: their posteriors are part of its target.

Distillation (Hinton et al. 2015, arXiv:1503.02531). The teachers look once, at every picture as the bank has it, and
what they say is kept: beside a step of a small model their own passes would be most of the work.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from training.commands12.models.registry import RECIPES
from training.commands12.restore import restored
from training.precision import autocast

BATCH = 256


def posteriors(names: Sequence[str], bundle: Path, pictures: NDArray[np.uint8], work: Path) -> Tensor:
    """The mean over the named models of a bundle: pictures (n, 98, 40) → (n, 12), kept in the work folder."""
    return torch.stack([kept(bundle / f"{name}.onnx", name, pictures, work) for name in names]).mean(dim=0)


def kept(file: Path, name: str, pictures: NDArray[np.uint8], work: Path) -> Tensor:
    """What one model says of all pictures, from the work folder where the very file has said it before."""
    path = work / f"taught-{name}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}-{len(pictures)}.npy"
    if not path.exists():
        part = path.with_suffix(".part.npy")
        np.save(part, said(file, name, pictures).numpy())
        part.replace(path)
    return torch.from_numpy(np.load(path))


def said(file: Path, name: str, pictures: NDArray[np.uint8]) -> Tensor:
    """Posteriors (n, 12) of an exported model."""
    model = restored(RECIPES[name].build, file, pictures)
    model.eval().to(memory_format=torch.channels_last)
    found = []
    with torch.inference_mode(), autocast("cpu", wanted=RECIPES[name].bfloat16):
        for start in range(0, len(pictures), BATCH):
            logits = model(torch.from_numpy(pictures[start : start + BATCH]).float())
            found.append(functional.softmax(logits.float(), dim=1))
    return torch.cat(found)
