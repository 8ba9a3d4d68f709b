"""Activations, normalisation and bypass of the Zipformer (arXiv:2310.11230, sections 3.2 to 3.4)."""

import torch
from torch import Tensor, nn

SWOOSH_SLOPE = 0.08
SMALLEST_SCALE = 0.2
"""Least share of a layer in its output, see `Bypass`."""


class SwooshL(nn.Module):
    """log(1 + exp(x - 4)) - 0.08 x - 0.035: for layers that are normally off, such as feed-forward and ConvNeXt."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to any shape."""
        return nn.functional.softplus(x - 4.0) - SWOOSH_SLOPE * x - 0.035


class SwooshR(nn.Module):
    """log(1 + exp(x - 1)) - 0.08 x - 0.3133: passes through the origin; for convolution modules."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to any shape."""
        return nn.functional.softplus(x - 1.0) - SWOOSH_SLOPE * x - 0.313261687


def activation(name: str, *, usually_off: bool) -> nn.Module:
    """Make the nonlinearity that the settings name.

    Args:
        name: "swoosh" as in the paper, or "silu", x sigmoid(x): in onnxruntime a fifth of the cost, see README.md.
        usually_off: SwooshL in place of SwooshR.

    Raises:
        ValueError: there is no such nonlinearity.
    """
    if name == "swoosh":
        return SwooshL() if usually_off else SwooshR()
    if name == "silu":
        return nn.SiLU()
    raise ValueError(f"activation {name!r} is neither swoosh nor silu")


class BiasNorm(nn.Module):
    """x / rms(x - bias) * exp(log_scale): layer normalisation that keeps some of the length of x."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(dimension))
        self.log_scale = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise over the last axis; (..., dimension) in and out."""
        power = (x - self.bias).square().mean(dim=-1, keepdim=True)
        return x * (power + 1e-8).rsqrt() * self.log_scale.exp()


class Bypass(nn.Module):
    """(1 - s) x + s y with a learnt s per channel, kept within [0.2, 1].

    The paper starts with a floor of 0.9, so that every module takes part at once; but then three slow stacks one after
    the other leave a thousandth of the fast ones' detail, and a flat start learns nothing from it in 60 steps.
    """

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((dimension,), 0.5))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Mix two tensors of shape (..., dimension)."""
        scale = self.scale.clamp(min=SMALLEST_SCALE, max=1.0)
        return x + (y - x) * scale
