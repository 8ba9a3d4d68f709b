"""A stack of layers at a lower frame rate: downsample, layers, upsample, bypass (arXiv:2310.11230, section 3.1)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from training.zipformer.model.layer import Layer, LayerCache, Scope
from training.zipformer.model.scaling import Bypass
from training.zipformer.model.settings import ModelSettings


class Downsample(nn.Module):
    """Learnt weighted mean of `factor` neighbouring frames; the last frame is repeated to fill the last group."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.bias = nn.Parameter(torch.zeros(factor))

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (N, T, C) to (N, ceil(T / factor), C)."""
        missing = -x.shape[1] % self.factor
        if missing:
            x = torch.cat([x, x[:, -1:].expand(-1, missing, -1)], dim=1)
        groups = x.unflatten(1, (x.shape[1] // self.factor, self.factor))
        return (groups * self.bias.softmax(dim=0).unsqueeze(-1)).sum(dim=2)


def upsample(x: Tensor, factor: int, frames: int) -> Tensor:
    """Repeat each frame `factor` times and cut to `frames`: (N, T, C) to (N, frames, C)."""
    repeated = x.unsqueeze(2).expand(-1, -1, factor, -1).flatten(1, 2)
    return repeated[:, :frames]


class Stack(nn.Module):
    """Layers of one frame rate. The first stack, at the full rate, has no bypass around it."""

    def __init__(self, settings: ModelSettings, stack: int) -> None:
        super().__init__()
        self.factor = settings.downsampling[stack]
        self.layers = nn.ModuleList(Layer(settings, stack) for _ in range(settings.layers[stack]))
        self.run_layer: Callable[..., tuple[Tensor, LayerCache]] = Layer.__call__
        """How a layer is run in training, see compiled.py."""
        if self.factor > 1:
            self.downsample = Downsample(self.factor)
            self.out_combiner = Bypass(settings.dimension)

    def forward(self, x: Tensor, scope: Scope, caches: list[LayerCache]) -> tuple[Tensor, list[LayerCache]]:
        """Process (N, T, C) at the inner rate; `scope` and `caches` are in frames of this stack."""
        slow = self.downsample(x) if self.factor > 1 else x
        run, following = self.run_layer if self.training else Layer.__call__, []
        for layer, cache in zip(self.layers, caches, strict=True):
            slow, new = run(layer, slow, scope, cache)
            following.append(new)
        if self.factor == 1:
            return slow, following
        return self.out_combiner(x, upsample(slow, self.factor, x.shape[1])), following
