"""Attention of the Zipformer: weights computed once per layer, used three times (arXiv:2310.11230, section 3.1).

Shapes: N utterances, T query frames, L cached frames to the left, K = L + T key frames, H heads, C channels.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.zipformer.model.settings import ModelSettings


def relative_positions(queries: int, left: int, dimension: int, like: Tensor) -> Tensor:
    """Encode how far each key lies behind a query, finely near zero and coarsely far away.

    Returns:
        (left + 2 * queries, dimension); row i stands for a key left + queries - 1 - i frames in the past. The last
        row is beyond every key: it makes `align_positions` a plain reshape.
    """
    distance = torch.arange(left + queries - 1, -queries - 1, -1, dtype=torch.float32, device=like.device).unsqueeze(1)
    compression = math.sqrt(dimension)
    squeezed = distance.sign() * compression * ((distance.abs() + compression).log() - math.log(compression))
    angle = (squeezed * (2.0 * math.pi) / dimension).atan()
    frequencies = torch.arange(1, dimension // 2 + 1, device=like.device)
    waves = torch.stack([(angle * frequencies).cos(), (angle * frequencies).sin()], dim=-1).flatten(1)
    return torch.cat([waves[:, :-1], torch.ones_like(waves[:, :1])], dim=1).to(like.dtype)


def align_positions(scores: Tensor, keys: int) -> Tensor:
    """Turn scores by distance (…, T, K + T) into scores by key (…, T, K): out[t, k] = scores[t, T - 1 - t + k]."""
    queries, distances = scores.shape[-2:]
    skewed = scores.flatten(-2)[..., queries - 1 : queries - 1 + queries * (distances - 1)]
    return skewed.unflatten(-1, (queries, distances - 1))[..., :keys]


def chunk_mask(frames: int, chunk: int, left: int, device: torch.device) -> Tensor:
    """Say which keys a query may see: its own chunk and `left` frames before that chunk.

    Args:
        frames: T = K.
        chunk: frames per chunk; 0 means one chunk for all.
        left: frames of left context, a multiple of chunk; negative means all.
        device: where to put the mask.

    Returns:
        (T, K) bool, True where the key is visible.
    """
    if chunk <= 0:
        return torch.ones(frames, frames, dtype=torch.bool, device=device)
    number = torch.arange(frames, device=device) // chunk
    query, key = number.unsqueeze(1), number.unsqueeze(0)
    visible = key <= query
    return visible if left < 0 else visible & (key >= query - left // chunk)


class Windows(NamedTuple):
    """Chunks of whole utterances side by side, each with the frames to its left that it may see, as a stream has them.

    Of 16.5 s heard in chunks of 320 ms with 1.28 s of context that is a tenth of all pairs of frames.
    """

    chunk: int
    """frames"""
    left: int
    """frames, a multiple of chunk"""

    def chunks(self, x: Tensor) -> Tensor:
        """Cut (N, T, C) into B chunks each: (N * B, chunk, C); zeros behind the end."""
        return self._filled(x).unflatten(1, (-1, self.chunk)).flatten(0, 1)

    def around(self, x: Tensor) -> Tensor:
        """Give each chunk with what lies to its left: (N, T, C) to (N * B, left + chunk, C); zeros outside."""
        known = nn.functional.pad(self._filled(x), (0, 0, self.left, 0))
        return known.unfold(1, self.left + self.chunk, self.chunk).flatten(0, 1).transpose(1, 2)

    def joined(self, x: Tensor, batch: int, frames: int) -> Tensor:
        """Undo `chunks`: (N * B, chunk, C) to (N, T, C)."""
        return x.reshape(batch, -1, x.shape[-1])[:, :frames]

    def _filled(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, (0, 0, 0, -x.shape[1] % self.chunk))


def within_sight(x: Tensor, cached: Tensor, windows: Windows | None) -> Tensor:
    """Give keys or values with what lies to their left: of a stream from its cache, of whole utterances by windows."""
    return torch.cat([cached, x], dim=1) if windows is None else windows.around(x)


class AttentionWeights(nn.Module):
    """Softmax of content and position scores; the only place where attention looks at similarity."""

    def __init__(self, settings: ModelSettings, heads: int) -> None:
        super().__init__()
        self.heads, self.query, self.position = heads, settings.query_head, settings.position_head
        self.dropout = settings.dropout
        self.in_proj = nn.Linear(settings.dimension, heads * (2 * self.query + self.position))
        self.linear_pos = nn.Linear(settings.position_dimension, heads * self.position, bias=False)
        with torch.no_grad():  # scores start near zero in place of a division by the square root of the head size
            self.in_proj.weight.mul_(self.query**-0.25)
            self.linear_pos.weight.mul_(0.05)

    def forward(
        self, x: Tensor, positions: Tensor, visible: Tensor, cached_key: Tensor, windows: Windows | None = None
    ) -> tuple[Tensor, Tensor]:
        """Compute the weights and the next cache.

        Args:
            x: (N, T, C).
            positions: (K + T, position_dimension).
            visible: bool, broadcastable to (N, 1, T, K).
            cached_key: (N, L, H * query_head).
            windows: with them every chunk counts as an utterance, in what comes back and in `visible`.

        Returns:
            Weights (N, H, T, K) and the cache (N, L, H * query_head).
        """
        width = self.heads * self.query
        query, key, query_position = self.in_proj(x).split([width, width, self.heads * self.position], dim=-1)
        key = within_sight(key, cached_key, windows)
        if windows is not None:
            query, query_position = windows.chunks(query), windows.chunks(query_position)
        scores = self._split(query) @ self._split(key).transpose(-1, -2)
        by_distance = self._split(query_position) @ self._split(self.linear_pos(positions).unsqueeze(0)).transpose(
            -1, -2
        )
        scores = scores + align_positions(by_distance, key.shape[1])
        with torch.autocast(x.device.type, enabled=False):  # else copies in float32 and back: a tenth of a step
            weights = scores.masked_fill(~visible, -1000.0).softmax(dim=-1)
        weights = nn.functional.dropout(weights, self.dropout, self.training)
        return weights, key[:, key.shape[1] - cached_key.shape[1] :]

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (N, H, frames, channels of a head)


class SelfAttention(nn.Module):
    """Weighted sum of values, with weights given."""

    def __init__(self, settings: ModelSettings, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(settings.dimension, heads * settings.value_head)
        self.out_proj = nn.Linear(heads * settings.value_head, settings.dimension)

    def forward(
        self, x: Tensor, weights: Tensor, cached_value: Tensor, windows: Windows | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend; x (N, T, C), weights (N, H, T, K), cached_value (N, L, H * value_head); gives (N, T, C), cache."""
        value = within_sight(self.in_proj(x), cached_value, windows)
        heads = value.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = (weights @ heads).transpose(1, 2).flatten(-2)
        if windows is not None:
            attended = windows.joined(attended, *x.shape[:2])
        return self.out_proj(attended), value[:, value.shape[1] - cached_value.shape[1] :]


class NonlinearAttention(nn.Module):
    """Attention over a gated hidden layer, with the weights of one head."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        hidden = 3 * settings.dimension // 4
        self.in_proj = nn.Linear(settings.dimension, 3 * hidden)
        self.out_proj = nn.Linear(hidden, settings.dimension)

    def forward(
        self, x: Tensor, weights: Tensor, cached: Tensor, windows: Windows | None = None
    ) -> tuple[Tensor, Tensor]:
        """Attend; x (N, T, C), weights (N, 1, T, K), cached (N, L, 3C/4); gives (N, T, C) and the next cache."""
        gate, value, after = self.in_proj(x).chunk(3, dim=-1)
        value = within_sight(value * gate.tanh(), cached, windows)
        attended = weights.squeeze(1) @ value
        if windows is not None:
            attended = windows.joined(attended, *x.shape[:2])
        return self.out_proj(attended * after), value[:, value.shape[1] - cached.shape[1] :]
