"""Attention of the Zipformer: weights computed once per layer, used three times (arXiv:2310.11230, section 3.1).

Shapes: N utterances, T query frames, L cached frames to the left, K = L + T key frames, H heads, C channels.
"""

import math

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

    def forward(self, x: Tensor, positions: Tensor, visible: Tensor, cached_key: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the weights and the next cache.

        Args:
            x: (N, T, C).
            positions: (K + T, position_dimension).
            visible: bool, broadcastable to (N, 1, T, K).
            cached_key: (N, L, H * query_head).

        Returns:
            Weights (N, H, T, K) and the cache (N, L, H * query_head).
        """
        width = self.heads * self.query
        query, key, query_position = self.in_proj(x).split([width, width, self.heads * self.position], dim=-1)
        key = torch.cat([cached_key, key], dim=1)
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

    def forward(self, x: Tensor, weights: Tensor, cached_value: Tensor) -> tuple[Tensor, Tensor]:
        """Attend; x (N, T, C), weights (N, H, T, K), cached_value (N, L, H * value_head); gives (N, T, C), cache."""
        value = torch.cat([cached_value, self.in_proj(x)], dim=1)
        heads = value.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = (weights @ heads).transpose(1, 2).flatten(-2)
        return self.out_proj(attended), value[:, value.shape[1] - cached_value.shape[1] :]


class NonlinearAttention(nn.Module):
    """Attention over a gated hidden layer, with the weights of one head."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        hidden = 3 * settings.dimension // 4
        self.in_proj = nn.Linear(settings.dimension, 3 * hidden)
        self.out_proj = nn.Linear(hidden, settings.dimension)

    def forward(self, x: Tensor, weights: Tensor, cached: Tensor) -> tuple[Tensor, Tensor]:
        """Attend; x (N, T, C), weights (N, 1, T, K), cached (N, L, 3C/4); gives (N, T, C) and the next cache."""
        gate, value, after = self.in_proj(x).chunk(3, dim=-1)
        value = torch.cat([cached, value * gate.tanh()], dim=1)
        attended = weights.squeeze(1) @ value
        return self.out_proj(attended * after), value[:, value.shape[1] - cached.shape[1] :]
