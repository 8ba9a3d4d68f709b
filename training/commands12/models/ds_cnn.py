"""DS-CNN: a stem convolution, depthwise-separable blocks, mean over time and frequency (Zhang et al. 2017).

Hello Edge: Keyword Spotting on Microcontrollers, arXiv:1711.07128. With 160 channels: 119,372 parameters.
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from measure.commands import LABELS
from training.commands12.models.scale import centred


class Depthwise(nn.Conv2d):
    """3 × 3 depthwise convolution.

    While training, stride 2 is computed as stride 1 and thinned out: the same numbers, and the only form whose
    backward pass is fast in bfloat16 on a CPU (a third of the whole step is saved).
    """

    def forward(self, signal: Tensor) -> Tensor:
        """(b, c, t, f) → (b, c, t / stride, f / stride)."""
        if not self.training or self.stride == (1, 1):
            return super().forward(signal)
        dense = functional.conv2d(signal, self.weight, None, 1, self.padding, 1, self.groups)
        return dense[:, :, :: self.stride[0], :: self.stride[1]].contiguous()


def separable(channels: int, stride: int) -> nn.Sequential:
    """Depthwise 3 × 3 and pointwise convolution, each with normalisation and ReLU."""
    return nn.Sequential(
        Depthwise(channels, channels, 3, stride, padding=1, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )


class DsCnn(nn.Module):
    """The window model: one second in, one decision out."""

    def __init__(self, channels: int = 160, blocks: int = 4, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, channels, (10, 4), stride=2, padding=(4, 1), bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.blocks = nn.Sequential(*(separable(channels, 2 if index == 0 else 1) for index in range(blocks)))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, len(LABELS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (b, 98, 40) → logits (b, 12)."""
        features = self.blocks(self.stem(centred(pictures).unsqueeze(1)))
        return cast("Tensor", self.head(self.dropout(features.mean(dim=(2, 3)))))
