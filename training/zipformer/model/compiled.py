"""Layers in C++: a compiler joins what they do element by element, which PyTorch does in a pass over memory each.

`torch.compile` (Ansel et al., ASPLOS 2024) needs a C++ compiler, and 100 s of processor time for each way of cutting
into chunks, again at every start.
"""

import shutil
from collections.abc import Iterable

import torch
import torch._dynamo as dynamo

from training.zipformer.model.layer import Layer
from training.zipformer.model.stack import Stack

SHAPES = 64  # layers of six stacks, by two or three ways of cutting, and the short batch at the end of an epoch


def compile_layers(stacks: Iterable[Stack], backend: str = "inductor") -> None:
    """Have them compiled for steps of training, whose rows have one shape; dev and export stay as they are.

    Args:
        stacks: whose layers.
        backend: of `torch.compile`; a test takes one that writes no C++, for that takes a minute.

    Raises:
        ValueError: there is no C++ compiler.
    """
    if not (shutil.which("g++") or shutil.which("clang++")):
        raise ValueError("there is no C++ compiler to compile the network with: install g++, or leave out --compile")
    dynamo.config.recompile_limit = SHAPES
    dynamo.config.accumulated_recompile_limit = 8 * SHAPES
    compiled = torch.compile(Layer.forward, dynamic=False, backend=backend)
    for stack in stacks:
        stack.run_layer = compiled
