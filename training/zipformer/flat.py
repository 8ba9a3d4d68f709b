"""All parameters of a network as parts of one vector, so that what is done to each is done to all at once."""

from typing import cast

import torch
from torch import Tensor, nn

BLOCK = 64
"""Each parameter begins at a multiple of this; what is left of its last block stays zero."""


class FlatParameters:
    """Lays the parameters of a network, and their gradients, into one vector each; the network goes on using them."""

    def __init__(self, model: nn.Module) -> None:
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        self.names = [name for name, _ in named]
        self.parameters = [parameter for _, parameter in named]
        device = self.parameters[0].device
        blocks = torch.tensor([-(-parameter.numel() // BLOCK) for parameter in self.parameters])
        self._starts = ((blocks.cumsum(0) - blocks) * BLOCK).tolist()
        self._owner = torch.repeat_interleave(torch.arange(len(blocks)), blocks).to(device)
        self.counts = torch.tensor([float(parameter.numel()) for parameter in self.parameters], device=device)
        """elements of each parameter, (P,)"""
        self.values, self.gradients = self.zeros(), self.zeros()
        with torch.no_grad():
            for parameter, view in zip(self.parameters, self.views(self.values), strict=True):
                parameter.data = view.copy_(parameter)
        self._gradient_views = self.views(self.gradients)
        self.clear_gradients()

    def zeros(self) -> Tensor:
        """Make a vector of this layout: (blocks, BLOCK) float32."""
        return torch.zeros(len(self._owner), BLOCK, device=self._owner.device)

    def views(self, vector: Tensor) -> list[Tensor]:
        """Give the part of a vector that belongs to each parameter, in its shape."""
        return [
            vector.as_strided(parameter.shape, parameter.stride(), start)
            for parameter, start in zip(self.parameters, self._starts, strict=True)
        ]

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """Give the parts of a vector under the names that a state dict has."""
        return dict(zip(self.names, self.views(vector), strict=True))

    def clear_gradients(self) -> None:
        """Set all gradients to zero; what backward() finds is added in place."""
        self.gradients.zero_()
        for parameter, view in zip(self.parameters, self._gradient_views, strict=True):
            parameter.grad = view

    def sums(self, vector: Tensor) -> Tensor:
        """Sum what belongs to each parameter: (P,)."""
        return torch.zeros_like(self.counts).index_add_(0, self._owner, vector.sum(dim=1))

    def spread(self, numbers: Tensor) -> Tensor:
        """Give each block the number (P,) of its parameter: (blocks, 1)."""
        return cast("Tensor", numbers[self._owner].unsqueeze(1))
