"""Checkpoints to ONNX files that the daemon runs, proved against the network they came from."""

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES
from training.commands12 import checkpoint
from training.commands12.models.nc_ssm import NcSsm
from training.commands12.models.registry import Recipe

BLOCK_FRAMES = 48  # that the exported NC-SSM takes at a time: 480 ms, so that overhead does not rule its cost
TOLERANCE = 1e-4
OPSET = 18


class Windowed(nn.Module):
    """A window model with its softmax: grey values (1, 98, 40) → posteriors (1, 12)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        """One decision."""
        return torch.softmax(self.model(frames), dim=-1)


class Stepped(nn.Module):
    """A frame model with its softmax and all its states in one vector, all zeros at the start of a stream."""

    def __init__(self, model: NcSsm) -> None:
        super().__init__()
        self.model = model
        self.shapes = [state.shape for state in model.start()]
        self.sizes = [shape.numel() for shape in self.shapes]

    def forward(self, frames: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (1, t, 40) and state (s,) → posteriors (1, t, 12) and the next state."""
        parts = torch.split(state, self.sizes)
        logits, *states = self.model.stream(
            frames, *(part.view(shape) for part, shape in zip(parts, self.shapes, strict=True))
        )
        return torch.softmax(logits, dim=-1), torch.cat([part.reshape(-1) for part in states])


def trained(recipe: Recipe, path: Path) -> nn.Module:
    """The averaged network of a checkpoint, ready to be asked."""
    average = AveragedModel(recipe.build(), use_buffers=True)
    average.load_state_dict(checkpoint.read(path)["average"])
    return cast("nn.Module", average.module).eval()


def export(model: nn.Module, path: Path) -> None:
    """Write a network as ONNX.

    Raises:
        RuntimeError: the file does not give the network's numbers.
    """
    wrapped: nn.Module
    example: tuple[Tensor, ...]
    if isinstance(model, NcSsm):
        wrapped = Stepped(model)
        example = (torch.rand(1, BLOCK_FRAMES, BANDS) * 255.0, torch.zeros(sum(wrapped.sizes)))
        inputs, outputs = ["frames", "state"], ["posteriors", "next_state"]
    else:
        wrapped = Windowed(model)
        example = (torch.rand(1, CLIP_FRAMES, BANDS) * 255.0,)
        inputs, outputs = ["frames"], ["posteriors"]
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        wrapped.eval(),
        example,
        path,
        input_names=inputs,
        output_names=outputs,
        opset_version=OPSET,
        external_data=False,
    )
    strip(path)
    prove(wrapped, example, path)


def strip(path: Path) -> None:
    """Take out what the exporter noted about its source code: two thirds of a small file."""
    import onnx  # noqa: PLC0415 - needed for export only

    content = onnx.load(path)
    del content.metadata_props[:]
    for part in (*content.graph.node, *content.graph.value_info, *content.graph.input, *content.graph.output):
        del part.metadata_props[:]
    del content.graph.metadata_props[:]
    del content.graph.value_info[:]
    onnx.save(content, path)


def prove(wrapped: nn.Module, example: tuple[Tensor, ...], path: Path) -> None:
    """Raise when onnxruntime and torch differ on the example."""
    from kwsd.acoustic.session import make_session  # noqa: PLC0415 - only the proof needs it

    session = make_session(path)
    names = [entry.name for entry in session.get_inputs()]
    found = session.run(None, {name: value.numpy() for name, value in zip(names, example, strict=True)})
    with torch.inference_mode():
        wanted = wrapped(*example)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    for ours, theirs in zip(wanted, found, strict=True):
        error = float(np.abs(cast("Tensor", ours).numpy() - theirs).max())
        if not error < TOLERANCE:
            raise RuntimeError(f"{path}: differs from the network by {error:.2e}, more than {TOLERANCE:.0e}")
