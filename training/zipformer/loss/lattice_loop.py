"""The sums of lattice.py by a compiled loop on a CPU, over each clip's own nodes; most of the lattice is room."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from training.compiled import library

SOURCE = Path(__file__).with_suffix(".c")


def all_alignments(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Arguments and result as of `lattice.all_alignments`, on a CPU. Raises OSError: there is no C compiler here."""
    loop = library(SOURCE)
    if loop is None:
        raise OSError("there is no C compiler")
    clips, longest, width = blank.shape
    given = [blank.float().contiguous(), emit.float().contiguous(), frames.contiguous(), tokens.contiguous()]
    total = torch.zeros(clips, dtype=torch.float64)
    uses = [torch.zeros(clips, longest, width) for _ in range(2)]
    room = torch.empty(2, longest + 1, width, dtype=torch.float64)
    sizes = (ctypes.c_long(size) for size in (clips, longest, width))
    loop.lattice_sums(*sizes, *(ctypes.c_void_p(each.data_ptr()) for each in (*given, total, *uses, room)))
    return total, uses[0].to(blank.dtype), uses[1].to(emit.dtype)
