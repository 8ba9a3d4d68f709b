"""A moving average of weights: what a run is measured by, and what it leaves (Polyak, Juditsky 1992)."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """Weights averaged over about 1 / (1 - decay) steps, over fewer at the beginning."""

    def __init__(self, model: nn.Module, decay: float, values: dict[str, Tensor] | None = None) -> None:
        """Begin with what the network has, or with `values` of a checkpoint; a decay of 0 follows the network."""
        self.decay = decay
        self.values: dict[str, Tensor] = {}
        if decay:
            self.values = values or {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after `step` steps."""
        decay = min(self.decay, step / (step + 10))
        now = model.state_dict()
        for name, value in self.values.items():
            value.lerp_(now[name], 1.0 - decay)

    @contextmanager
    def in_place(self, model: nn.Module) -> Iterator[None]:
        """Let the network have the averaged weights for a while."""
        own = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict({**own, **self.values})
        try:
            yield
        finally:
            model.load_state_dict(own)
