"""The selective state space by a compiled loop: the numbers of scan.py in a third of the time, for training on a CPU.

Where there is no C compiler, `fits` says no and scan.py does the work.
"""

import ctypes
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.compiled import library

SOURCE = Path(__file__).with_name("scan_kernel.c")
LANES = 16


class Shape(ctypes.Structure):
    """As in scan_kernel.c."""

    _fields_ = (("frames", ctypes.c_int), ("heads", ctypes.c_int), ("states", ctypes.c_int), ("width", ctypes.c_int))


def fits(x: Tensor) -> bool:
    """Whether the loop is for these: float32 on a CPU, a gradient wanted, the batch a multiple of 16."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.shape[0] % LANES == 0
    return plain and torch.is_grad_enabled() and library(SOURCE) is not None


def compiled_scan(
    x: Tensor, dt: Tensor, decay: Tensor, *, b: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Arguments and result as of `scan.scan_stretch`."""
    fade = torch.exp(dt * decay)
    laned = (in_lanes(each) for each in (x, dt, fade, b, c))
    y, last = Scan.apply(*laned, in_lanes(state.unsqueeze(1))[:, 0])
    return out_of_lanes(y), out_of_lanes(last.unsqueeze(1))[:, 0]


def in_lanes(signal: Tensor) -> Tensor:
    """(batch, t, …) → (batch / 16, t, …, 16)."""
    return signal.unflatten(0, (-1, LANES)).movedim(1, -1).contiguous()


def out_of_lanes(signal: Tensor) -> Tensor:
    """(batch / 16, t, …, 16) → (batch, t, …)."""
    return signal.movedim(-1, 1).flatten(0, 1)


def call(name: str, shape: Shape, *arrays: Tensor) -> None:
    """Run a function of the library on one group of sixteen rows; arrays are contiguous float32."""
    getattr(library(SOURCE), name)(shape, *(ctypes.c_void_p(each.data_ptr()) for each in arrays))


def shape_of(x: Tensor, state: Tensor) -> Shape:
    """From x (groups, t, heads, width, 16) and state (groups, heads, states, width, 16)."""
    return Shape(x.shape[1], x.shape[2], state.shape[2], x.shape[3])


class Scan(torch.autograd.Function):
    """All arguments in lanes: x, dt, fade, b, c (groups, t, …, 16) and state (groups, …, 16) → y and the last state."""

    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> tuple[Tensor, Tensor]:
        """Group by group, so that the states of one fit into the cache."""
        *signals, state = given
        y, last = torch.empty_like(signals[0]), torch.empty_like(state)
        kept = room_for_states(y, state)
        for *group, out, first, end in zip(*signals, y, state, last, strict=True):
            kept[0] = first
            call("scan_forward", shape_of(y, state), *group, out, kept)
            end.copy_(kept[-1])
        ctx.save_for_backward(*given)
        return y, last

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        """The gradient of every argument; the states are computed again, which is quicker than to store them."""
        *signals, state = ctx.saved_tensors
        to_y, to_state = gradients[0].contiguous(), gradients[1].clone(memory_format=torch.contiguous_format)
        found = [torch.zeros_like(each) for each in signals]
        shape, kept, unused = shape_of(to_y, state), room_for_states(to_y, state), torch.empty_like(to_y[0])
        for *groups, first, to_out, to_first in zip(*signals, *found, state, to_y, to_state, strict=True):
            given, wanted = groups[: len(signals)], groups[len(signals) :]
            kept[0] = first
            call("scan_forward", shape, *given, unused, kept)
            call("scan_backward", shape, *given, kept, to_out, *wanted, to_first)
        return (*found, to_state)


def room_for_states(x: Tensor, state: Tensor) -> Tensor:
    """For all states of one group: (frames + 1, heads, states, width, 16)."""
    return x.new_empty(x.shape[1] + 1, *state.shape[1:])
