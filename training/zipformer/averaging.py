"""A moving average of weights: what a run is measured by, and what it leaves (Polyak, Juditsky 1992)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from training.zipformer.flat import FlatParameters


class MovingAverage:
    """Weights averaged over about 1 / (1 - decay) steps, over fewer at the beginning."""

    def __init__(self, flat: FlatParameters, decay: float) -> None:
        """Begin with what the network has; a decay of 0 follows the network."""
        self._flat, self.decay = flat, decay
        self.vector = flat.values.clone() if decay else flat.values
        self._share = torch.zeros((), device=flat.values.device)

    def restart(self, values: Mapping[str, Tensor] | None = None) -> None:
        """Begin anew with what the network has, or with the values of a checkpoint."""
        self.vector.copy_(self._flat.values)
        if self.decay and values:
            for name, part in self._flat.named(self.vector).items():
                part.copy_(values[name])

    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        self.set_step(step)
        self.follow()

    def set_step(self, step: int) -> None:
        """Bring to the device how much of the weights after `step` steps is taken in."""
        self._share.fill_(1.0 - min(self.decay, step / (step + 10)))

    @torch.no_grad()
    def follow(self) -> None:
        """Do what an update does on the device."""
        if self.decay:
            self.vector.lerp_(self._flat.values, self._share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the network have the averaged weights for a while."""
        own = self._flat.values.clone()
        self._flat.values.copy_(self.vector)
        try:
            yield
        finally:
            self._flat.values.copy_(own)
