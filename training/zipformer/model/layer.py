"""One Zipformer layer: attention weights once, used three times, between feed-forward and convolution modules."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.zipformer.model.attention import AttentionWeights, NonlinearAttention, SelfAttention, Windows
from training.zipformer.model.convolution import ConvolutionModule
from training.zipformer.model.scaling import BiasNorm, Bypass, activation
from training.zipformer.model.settings import ModelSettings


class LayerCache(NamedTuple):
    """What a layer remembers between chunks; L frames of left context, in the order of the public ONNX layout."""

    key: Tensor
    """(N, L, H * query_head)"""
    nonlinear: Tensor
    """(N, L, 3C/4)"""
    value1: Tensor
    """(N, L, H * value_head)"""
    value2: Tensor
    """(N, L, H * value_head)"""
    conv1: Tensor
    """(N, C, kernel // 2)"""
    conv2: Tensor
    """(N, C, kernel // 2)"""


class Scope(NamedTuple):
    """What every layer of a stack is told about the frames it gets."""

    positions: Tensor
    """(K + T, position_dimension)"""
    visible: Tensor
    """bool, broadcastable to (N, 1, T, K)"""
    padding: Tensor | None
    """(N, T) bool"""
    chunk: int
    """frames per chunk; 0 for one chunk"""
    windows: Windows | None = None
    """of chunks that attention takes side by side; `positions` and `visible` are then those of a chunk"""


class FeedForward(nn.Sequential):
    """Linear, nonlinearity, dropout, linear; (N, T, C) in and out."""

    def __init__(self, settings: ModelSettings, hidden: int) -> None:
        super().__init__()
        self.add_module("in_proj", nn.Linear(settings.dimension, hidden))
        self.add_module("activation", activation(settings.activation, usually_off=True))
        self.add_module("dropout", nn.Dropout(settings.dropout))
        self.add_module("out_proj", nn.Linear(hidden, settings.dimension))


class Layer(nn.Module):
    """One layer; see figure 2 of arXiv:2310.11230 for the order of its modules."""

    def __init__(self, settings: ModelSettings, stack: int) -> None:
        super().__init__()
        width, heads, kernel = settings.dimension, settings.heads[stack], settings.kernels[stack]
        self.settings, self.heads, self.kernel = settings, heads, kernel
        hidden = settings.feed_forward
        self.self_attn_weights = AttentionWeights(settings, heads)
        self.self_attn1 = SelfAttention(settings, heads)
        self.self_attn2 = SelfAttention(settings, heads)
        self.nonlin_attention = NonlinearAttention(settings)
        self.feed_forward1 = FeedForward(settings, hidden * 3 // 4)
        self.feed_forward2 = FeedForward(settings, hidden)
        self.feed_forward3 = FeedForward(settings, hidden * 5 // 4)
        self.conv_module1 = ConvolutionModule(width, kernel, settings.activation)
        self.conv_module2 = ConvolutionModule(width, kernel, settings.activation)
        self.norm = BiasNorm(width)
        self.bypass_mid = Bypass(width)
        self.bypass = Bypass(width)

    def forward(self, x: Tensor, scope: Scope, cache: LayerCache) -> tuple[Tensor, LayerCache]:
        """Process (N, T, C); gives (N, T, C) and the next cache."""
        start = x
        weights, key = self.self_attn_weights(x, scope.positions, scope.visible, cache.key, scope.windows)
        x = x + self.feed_forward1(x)
        y, nonlinear = self.nonlin_attention(x, weights[:, :1], cache.nonlinear, scope.windows)
        x = x + y
        y, value1 = self.self_attn1(x, weights, cache.value1, scope.windows)
        x = x + y
        y, conv1 = self.conv_module1(x, scope.padding, scope.chunk, cache.conv1)
        x = x + y
        x = x + self.feed_forward2(x)
        x = self.bypass_mid(start, x)
        y, value2 = self.self_attn2(x, weights, cache.value2, scope.windows)
        x = x + y
        y, conv2 = self.conv_module2(x, scope.padding, scope.chunk, cache.conv2)
        x = x + y
        x = x + self.feed_forward3(x)
        x = self.bypass(start, self.norm(x))
        return x, LayerCache(key, nonlinear, value1, value2, conv1, conv2)

    def empty_cache(self, left: int, like: Tensor) -> LayerCache:
        """Make the cache of a stream that has heard nothing; `left` is 0 for a whole pass."""
        batch, dimension = like.shape[0], self.settings.dimension

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(batch, *shape, dtype=like.dtype, device=like.device)

        value = self.heads * self.settings.value_head
        return LayerCache(
            zeros(left, self.heads * self.settings.query_head),
            zeros(left, 3 * dimension // 4),
            zeros(left, value),
            zeros(left, value),
            zeros(dimension, self.kernel // 2),
            zeros(dimension, self.kernel // 2),
        )
