"""BC-ResNet-1: broadcasted residual learning (Kim et al. 2021, arXiv:2106.04140), the small baseline.

Two-dimensional features along the bands are averaged over them, worked on along time, and broadcast back.
"""

from itertools import pairwise
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from measure.commands import LABELS
from training.commands12.models.scale import centred

SUB_BANDS = 5
STAGES = ((8, 2, 1, 1), (12, 2, 2, 2), (16, 4, 2, 4), (20, 4, 1, 8))
"""Channels, blocks, stride over the bands, dilation over time."""


class SubBandNorm(nn.Module):
    """Batch normalisation of its own for each of five groups of bands."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels * SUB_BANDS)

    def forward(self, signal: Tensor) -> Tensor:
        """(b, c, f, t) with f a multiple of five → the same shape."""
        batch, channels, bands, frames = signal.shape
        grouped = signal.reshape(batch, channels * SUB_BANDS, bands // SUB_BANDS, frames)
        return cast("Tensor", self.norm(grouped)).reshape(signal.shape)


class Block(nn.Module):
    """One residual block; a change of channels or of stride makes it a transition."""

    def __init__(self, before: int, channels: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.transition = before != channels or stride != 1
        self.enter = nn.Sequential(nn.Conv2d(before, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        if not self.transition:
            self.enter = nn.Sequential()
        self.along_bands = nn.Sequential(
            nn.Conv2d(channels, channels, (3, 1), (stride, 1), (1, 0), groups=channels, bias=False),
            SubBandNorm(channels),
        )
        self.along_time = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 3), 1, (0, dilation), (1, dilation), channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.Dropout2d(0.1),
        )

    def forward(self, signal: Tensor) -> Tensor:
        """(b, c, f, t) → (b, channels, f / stride, t)."""
        bands = self.along_bands(self.enter(signal))
        both = bands + self.along_time(bands.mean(dim=2, keepdim=True))
        return functional.relu(both if self.transition else both + signal)


class BcResNet(nn.Module):
    """A window model: one second in, one decision out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 16, 5, (2, 1), 2, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        widths = (16, *(channels for channels, *_ in STAGES))
        stages = zip(pairwise(widths), STAGES, strict=True)
        self.blocks = nn.Sequential(*(stage(before, *shape) for (before, _), shape in stages))
        self.tail = nn.Sequential(
            nn.Conv2d(20, 20, 5, 1, (0, 2), groups=20, bias=False),
            nn.Conv2d(20, 32, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        self.head = nn.Linear(32, len(LABELS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (b, 98, 40) → logits (b, 12)."""
        signal = self.stem(centred(pictures).transpose(1, 2).unsqueeze(1))
        return cast("Tensor", self.head(self.tail(self.blocks(signal)).mean(dim=(2, 3))))


def stage(before: int, channels: int, blocks: int, stride: int, dilation: int) -> nn.Sequential:
    """Blocks of one width; the first is the transition."""
    first = Block(before, channels, stride, dilation)
    return nn.Sequential(first, *(Block(channels, channels, 1, dilation) for _ in range(blocks - 1)))
