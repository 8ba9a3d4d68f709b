"""Convolutional front end: fbank at 100 Hz to embeddings at 50 Hz (arXiv:2310.11230, section 3.1).

The ConvNeXt block (arXiv:2201.03545) sees three embeddings into the future; that is the model's only look-ahead.
"""

import torch
from torch import Tensor, nn

from training.zipformer.model.scaling import BiasNorm, activation
from training.zipformer.model.settings import NEXT_CONTEXT, ModelSettings

TYPICAL_LEVEL, TYPICAL_SPREAD = -7.0, 4.0
"""Mean and standard deviation of log-mel energies of speech, roughly; centred input trains sooner."""


class ConvNext(nn.Module):
    """Depthwise 7x7, then a bottleneck turned inside out, around a residual."""

    def __init__(self, channels: int, nonlinearity: str) -> None:
        super().__init__()
        self.depthwise_conv = nn.Conv2d(channels, channels, 7, groups=channels, padding=(0, 3))
        self.pointwise_conv1 = nn.Conv2d(channels, 3 * channels, 1)
        self.activation = activation(nonlinearity, usually_off=True)
        self.pointwise_conv2 = nn.Conv2d(3 * channels, channels, 1)

    def forward(self, x: Tensor, cached: Tensor) -> tuple[Tensor, Tensor]:
        """Process (N, C, T + 3, bins), of which the last three frames are look-ahead only.

        Args:
            x: (N, C, T + 3, bins).
            cached: (N, C, 3, bins), the frames before x.

        Returns:
            (N, C, T, bins) and the next cache.
        """
        frames = x.shape[2] - NEXT_CONTEXT
        around = torch.cat([cached, x], dim=2)
        y = self.pointwise_conv2(self.activation(self.pointwise_conv1(self.depthwise_conv(around))))
        return x[:, :, :frames] + y, around[:, :, frames : frames + NEXT_CONTEXT]


class FrontEnd(nn.Module):
    """Three 3x3 convolutions, a ConvNeXt block, a linear layer and a normalisation."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        first, second, third = settings.front_channels
        self.channels, self.bins = third, settings.embedding_bins
        self.conv = nn.Sequential(
            nn.Conv2d(1, first, 3, padding=(0, 1)),
            activation(settings.front_activation, usually_off=False),
            nn.Conv2d(first, second, 3, stride=2),
            activation(settings.front_activation, usually_off=False),
            nn.Conv2d(second, third, 3, stride=(1, 2)),
            activation(settings.front_activation, usually_off=False),
        )
        self.convnext = ConvNext(third, settings.front_activation)
        self.out = nn.Linear(third * self.bins, settings.dimension)
        self.out_norm = BiasNorm(settings.dimension)
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, features: Tensor, cached: Tensor) -> tuple[Tensor, Tensor]:
        """Embed a segment with its look-ahead.

        Args:
            features: (N, F, mel bins), log-mel; F = 2 T + 7 + 2 * 3.
            cached: (N, channels, 3, bins).

        Returns:
            (N, T, C) and the next cache.
        """
        centred = (features - TYPICAL_LEVEL) * (1.0 / TYPICAL_SPREAD)
        picture = centred.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        x, cached = self.convnext(self.conv(picture), cached)
        x = self.out(x.transpose(1, 2).flatten(2))
        return self.dropout(self.out_norm(x)), cached

    def empty_cache(self, like: Tensor) -> Tensor:
        """Make the cache of a stream that has heard nothing."""
        return torch.zeros(like.shape[0], self.channels, NEXT_CONTEXT, self.bins, dtype=like.dtype, device=like.device)
