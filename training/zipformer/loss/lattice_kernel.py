"""The sums of loss/lattice.py as GPU kernels: a program walks one utterance forwards, and another one back.

A vector holds all tokens of a frame; its neighbour by one token is read back from memory, behind a barrier, since
Triton moves nothing between threads otherwise. All arithmetic is in float64, as in the reference.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from training.zipformer.loss.lattice import IMPOSSIBLE

NOWHERE = tl.constexpr(IMPOSSIBLE)


@triton.jit
def _either(x: tl.tensor, y: tl.tensor) -> tl.tensor:  # log(exp(x) + exp(y))
    most = tl.maximum(x, y)
    return most + tl.log(1.0 + tl.exp(tl.minimum(x, y) - most))


@triton.jit
def _forwards(  # noqa: PLR0917 - a kernel takes tensors and their sizes one by one
    blank: tl.tensor,
    emit: tl.tensor,
    frames: tl.tensor,
    tokens: tl.tensor,
    alpha: tl.tensor,
    total: tl.tensor,
    longest: tl.tensor,
    width: tl.tensor,
    block: tl.constexpr,
) -> None:
    n = tl.program_id(0).to(tl.int64)
    length, last = tl.load(frames + n), tl.load(tokens + n)
    u = tl.arange(0, block)
    inside, behind = u <= last, (u > 0) & (u <= last)
    arc, node = n * longest * width + u, n * (longest + 1) * width + u
    row = tl.where(u == 0, 0.0, NOWHERE).to(tl.float64)
    tl.store(alpha + node, row, mask=inside)
    for t in range(length):
        stay = tl.load(blank + arc + t * width, mask=inside, other=NOWHERE).to(tl.float64)
        step = tl.load(emit + arc + t * width - 1, mask=behind, other=NOWHERE).to(tl.float64)
        tl.debug_barrier()
        before = tl.load(alpha + node + t * width - 1, mask=behind, other=NOWHERE)
        row = _either(row + stay, before + step)
        tl.store(alpha + node + (t + 1) * width, row, mask=inside)
    tl.store(total + n, tl.sum(tl.where(u == last, row, 0.0), axis=0))


@triton.jit
def _back(  # noqa: PLR0917 - as above
    blank: tl.tensor,
    emit: tl.tensor,
    frames: tl.tensor,
    tokens: tl.tensor,
    alpha: tl.tensor,
    beta: tl.tensor,
    total: tl.tensor,
    blank_use: tl.tensor,
    emit_use: tl.tensor,
    longest: tl.tensor,
    width: tl.tensor,
    block: tl.constexpr,
) -> None:
    n = tl.program_id(0).to(tl.int64)
    length, last, everything = tl.load(frames + n), tl.load(tokens + n), tl.load(total + n)
    u = tl.arange(0, block)
    inside, ahead = u <= last, u < last
    arc, node = n * longest * width + u, n * (longest + 1) * width + u
    row = tl.where(u == last, 0.0, NOWHERE).to(tl.float64)
    for back in range(length):
        t = length - 1 - back
        tl.store(beta + node + (t + 1) * width, row, mask=inside)
        stay = tl.load(blank + arc + t * width, mask=inside, other=NOWHERE).to(tl.float64)
        step = tl.load(emit + arc + t * width, mask=ahead, other=NOWHERE).to(tl.float64)
        entered = tl.load(alpha + node + t * width, mask=inside, other=NOWHERE) - everything
        tl.debug_barrier()
        after = tl.load(beta + node + (t + 1) * width + 1, mask=ahead, other=NOWHERE)
        tl.store(blank_use + arc + t * width, tl.exp(entered + stay + row), mask=inside)
        tl.store(emit_use + arc + t * width, tl.exp(entered + step + after), mask=inside)
        row = _either(stay + row, step + after)


def all_alignments(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Give what `lattice.all_alignments` gives, by two kernels."""
    blank, emit = blank.contiguous(), emit.contiguous()
    count, longest, width = blank.shape
    alpha, beta = (blank.new_empty(count, longest + 1, width, dtype=torch.float64) for _ in range(2))
    total = blank.new_empty(count, dtype=torch.float64)
    blank_use, emit_use = torch.zeros_like(blank), torch.zeros_like(emit)
    block = max(32, triton.next_power_of_2(width))
    how = {"block": block, "num_warps": min(16, block // 32), "num_stages": 1}
    _forwards[(count,)](blank, emit, frames, tokens, alpha, total, longest, width, **how)
    _back[(count,)](blank, emit, frames, tokens, alpha, beta, total, blank_use, emit_use, longest, width, **how)
    return total, blank_use, emit_use
