"""Every model of the recipe by name, with how it is trained."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import nn

from training.commands12.models.bc_resnet import BcResNet
from training.commands12.models.ds_cnn import DsCnn
from training.commands12.models.nc_ssm import NcSsm, NcSsmSize


@dataclass(frozen=True)
class Recipe:
    """A network and its training settings."""

    build: Callable[[], nn.Module]
    engine: str
    """Which engine of kwsd runs it: ds-cnn (windows) or nc-ssm (frames)."""
    required: float
    """What it must reach here on half A of the test audio, 0 to 1."""
    epochs: int = 24
    batch: int = 96
    peak_rate: float = 2.4e-3
    weight_decay: float = 0.02
    bfloat16: bool = True
    """Whether the forward pass may run in bfloat16; a recurrence may not."""
    noise: float = 0.35
    """Part of the training pictures that noise is mixed into; small models that are to work in noise take more."""
    babble: float = 0.45
    """Part of that noise that is people talking."""
    masked: bool = True
    """Whether SpecAugment is used, until towards the end."""


def frames(size: NcSsmSize, required: float) -> Recipe:
    """An NC-SSM of one size."""
    return Recipe(
        partial(NcSsm, size),
        "nc-ssm",
        epochs=40,
        batch=128,
        peak_rate=4e-3,
        bfloat16=False,
        noise=0.6,
        masked=False,
        required=required,
    )


RECIPES = {
    "ds-cnn": Recipe(DsCnn, "ds-cnn", required=0.963),
    "nc-ssm-20k": frames(NcSsmSize(width=40, inner=54, heads=6, states=12), 0.955),
    "nc-ssm-12k": frames(NcSsmSize(width=32, inner=36, heads=4, states=8), 0.938),
    "nc-ssm-5k": frames(NcSsmSize(width=18, inner=21, heads=3, states=4), 0.91),
    "ds-cnn-s": Recipe(partial(DsCnn, channels=64), "ds-cnn", required=0.945),
    "bc-resnet-1": Recipe(BcResNet, "ds-cnn", epochs=40, masked=False, required=0.925),
}
"""The first of an engine is the one the daemon prefers."""
