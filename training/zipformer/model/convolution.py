"""Convolution module of the Zipformer, with a depthwise part that never looks past its chunk.

A causal convolution sees everything before a frame; a second one sees the whole chunk, both sides, and nothing else.
Their sum is a convolution that is exact in streaming for every chunk size (chunk-causal convolution, as in the
streaming models of arXiv:2310.11230).
"""

import torch
from torch import Tensor, nn

from training.zipformer.model.scaling import activation


class ChunkConvolution(nn.Module):
    """Depthwise chunk-causal convolution over (N, C, T)."""

    def __init__(self, dimension: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        half = (kernel + 1) // 2
        self.causal_conv = nn.Conv1d(dimension, dimension, half, groups=dimension)
        self.chunkwise_conv = nn.Conv1d(dimension, dimension, kernel, padding=kernel // 2, groups=dimension)
        self.edge_scale = nn.Parameter(torch.zeros(2, dimension, kernel))

    def forward(self, x: Tensor, chunk: int, cached: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve.

        Args:
            x: (N, C, T).
            chunk: frames per chunk; 0 means one chunk for all.
            cached: (N, C, kernel // 2), the frames before x.

        Returns:
            (N, C, T) and the next cache.
        """
        frames = x.shape[2]
        with_left = torch.cat([cached, x], dim=2)
        causal = self.causal_conv(with_left)
        return causal + self._within_chunks(x, chunk or frames), with_left[..., with_left.shape[2] - cached.shape[2] :]

    def _within_chunks(self, x: Tensor, chunk: int) -> Tensor:
        batch, channels, frames = x.shape
        if chunk == frames:
            return self.chunkwise_conv(x) * self._edges(chunk)
        chunks = -(-frames // chunk)
        padded = nn.functional.pad(x, (0, chunks * chunk - frames))
        apart = padded.reshape(batch, channels, chunks, chunk).transpose(1, 2).flatten(0, 1)
        y = self.chunkwise_conv(apart) * self._edges(chunk)
        return y.unflatten(0, (batch, chunks)).transpose(1, 2).flatten(2)[..., :frames]

    def _edges(self, chunk: int) -> Tensor:
        """Give the learnt gain (C, chunk) that makes up for the zeros seen at the edges of a chunk."""
        left, right = self.edge_scale[0], self.edge_scale[1]
        if chunk < self.kernel:
            return 1.0 + left[:, :chunk] + right[:, self.kernel - chunk :]
        missing = chunk - self.kernel
        return 1.0 + nn.functional.pad(left, (0, missing)) + nn.functional.pad(right, (missing, 0))


class ConvolutionModule(nn.Module):
    """Gated linear, chunk-causal depthwise convolution, nonlinearity, linear."""

    def __init__(self, dimension: int, kernel: int, nonlinearity: str) -> None:
        super().__init__()
        self.in_proj = nn.Linear(dimension, 2 * dimension)
        self.depthwise_conv = ChunkConvolution(dimension, kernel)
        self.activation = activation(nonlinearity, usually_off=False)
        self.out_proj = nn.Linear(dimension, dimension)

    def forward(self, x: Tensor, padding: Tensor | None, chunk: int, cached: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve (N, T, C).

        Args:
            x: (N, T, C).
            padding: (N, T) bool, True behind the end of an utterance; None when there is none.
            chunk: frames per chunk, 0 for all.
            cached: (N, C, kernel // 2).

        Returns:
            (N, T, C) and the next cache.
        """
        value, gate = self.in_proj(x).chunk(2, dim=-1)
        value = value * gate.sigmoid()
        if padding is not None:
            value = value.masked_fill(padding.unsqueeze(-1), 0.0)
        value, cached = self.depthwise_conv(value.transpose(1, 2), chunk, cached)
        return self.out_proj(self.activation(value.transpose(1, 2))), cached
