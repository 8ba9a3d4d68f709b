"""Make a finished network deeper without beginning again: new layers start as near-copies that change little.

A new layer is a copy of the last layer of its stack and stands behind it, with its bypass all but open, so that the
loss starts close to where it was and the copy finds work of its own (progressive stacking, Gong et al., ICML 2019; the
bypass is that of the Zipformer).
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from training.zipformer.checkpoint import load_model, save_atomically
from training.zipformer.model.scaling import SMALLEST_SCALE
from training.zipformer.model.stack import Stack
from training.zipformer.model.transducer import Transducer

FRESH_SCALE = SMALLEST_SCALE + 0.005
"""Share of a new layer in its output; at the very floor a first step down would end its gradient."""


def grow(weights: Path, output: Path, layers: tuple[int, ...]) -> Transducer:
    """Write a deeper network with the weights of another.

    Args:
        weights: of `train`, `average`, or a model directory's weights.pt.
        output: file to write, for `train --begin`.
        layers: how many each stack has afterwards.

    Returns:
        The deeper network.

    Raises:
        ValueError: a stack would lose layers, or there are more or fewer stacks.
    """
    old = load_model(weights)
    has = old.settings.layers
    if len(layers) != len(has) or any(new < now for new, now in zip(layers, has, strict=True)):
        raise ValueError(f"layers {layers} are not those of a deeper network; {weights} has {has}")
    new = Transducer(replace(old.settings, layers=layers))
    state = new.state_dict()
    new.load_state_dict({**state, **old.state_dict()})
    for stack, now in zip(new.encoder.stacks, has, strict=True):
        _copy_last(stack, now)
    save_atomically({"settings": new.settings.to_json(), "model": new.state_dict()}, output)
    return new


@torch.no_grad()
def _copy_last(stack: nn.Module, trained: int) -> None:
    """Fill the layers behind the first `trained` with copies of the last of these."""
    assert isinstance(stack, Stack)  # noqa: S101  (a list of modules forgets of what kind they are)
    for layer in list(stack.layers)[trained:]:
        layer.load_state_dict(stack.layers[trained - 1].state_dict())
        layer.get_parameter("bypass.scale").fill_(FRESH_SCALE)
