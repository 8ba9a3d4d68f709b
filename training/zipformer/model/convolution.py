"""Convolution module of the Zipformer, with a depthwise part that never looks past its chunk.

A causal convolution sees everything before a frame; a second one sees the whole chunk, both sides, and nothing else.
Their sum is a convolution that is exact in streaming for every chunk size (chunk-causal convolution, as in the
streaming models of arXiv:2310.11230).
"""

import torch
from torch import Tensor, nn

from training.zipformer.model.scaling import activation


def depthwise(convolution: nn.Conv1d, x: Tensor) -> Tensor:
    """Run a depthwise convolution over (N, C, T).

    As a picture of width one with the channels innermost, a training step on a CPU takes a tenth of the time (2 ms
    for 20 ms, 64 s of sound, one thread); an export keeps the plain form.
    """
    if torch.onnx.is_in_onnx_export():
        result: Tensor = convolution(x)
        return result
    picture = x.unsqueeze(-1).contiguous(memory_format=torch.channels_last)
    weight, (padding,) = convolution.weight.unsqueeze(-1), convolution.padding
    return nn.functional.conv2d(
        picture, weight, convolution.bias, padding=(int(padding), 0), groups=convolution.groups
    ).squeeze(-1)


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
        causal = depthwise(self.causal_conv, with_left)
        return causal + self._within_chunks(x, chunk or frames), with_left[..., with_left.shape[2] - cached.shape[2] :]

    def _within_chunks(self, x: Tensor, chunk: int) -> Tensor:
        batch, channels, frames = x.shape
        if chunk == frames:
            return depthwise(self.chunkwise_conv, x) * self._edges(chunk)
        chunks = -(-frames // chunk)
        padded = nn.functional.pad(x, (0, chunks * chunk - frames))
        apart = padded.transpose(0, 1).reshape(channels, batch * chunks, chunk)
        y = torch.baddbmm(self._offsets(chunk), apart, self._mixing(chunk))
        return y.view(channels, batch, chunks * chunk).transpose(0, 1)[..., :frames]

    def _mixing(self, chunk: int) -> Tensor:
        """Give the chunkwise convolution with its edges as one matrix per channel: (C, chunk in, chunk out).

        Many short convolutions are slow on a CPU, the product is not: 48 ms for one backward pass became 3 ms
        (64 s of sound, one thread).
        """
        frame = torch.arange(chunk, device=self.edge_scale.device)
        tap = frame.unsqueeze(1) - frame + self.kernel // 2
        weight = self.chunkwise_conv.weight.squeeze(1)
        taps = weight[:, tap.clamp(0, self.kernel - 1)] * ((tap >= 0) & (tap < self.kernel))
        return taps * self._edges(chunk).unsqueeze(1)

    def _offsets(self, chunk: int) -> Tensor:
        return (self.chunkwise_conv.get_parameter("bias").unsqueeze(1) * self._edges(chunk)).unsqueeze(1)

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
