"""Sum over all alignments of a transducer that says at most one token per frame.

Graves' transducer (arXiv:1211.3711, section 2.4) may say any number of tokens in one frame. Streaming keyword search
takes one token per frame, so training sums over those alignments alone (monotonic RNN-T, Tripathi et al., ASRU 2019):
in node (t, u) the model has heard t frames and said u tokens, "blank" leads to (t + 1, u) and "emit" to (t + 1, u + 1);
an alignment runs from (0, 0) to (T, U). Each frame is then one vector operation over the batch.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

IMPOSSIBLE = -1e30


Sums = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""What `all_alignments` is: the reference, or another that gives the same."""


def transducer_loss(
    blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor, sums: Sums | None = None
) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of each utterance.

    Args:
        blank: (N, T, U + 1) log-probability of blank in each node.
        emit: (N, T, U + 1) log-probability of the next token in each node; the last column is not used.
        frames: (N,) int64, frames of each utterance, at most T.
        tokens: (N,) int64, tokens of each utterance, at most U and at most its frames.
        sums: how to sum over alignments, as `all_alignments` does.

    Returns:
        Loss (N,) in nats, and the probability (N, T, U + 1) that an alignment is in a node, without gradient.
    """
    loss, occupancy = _Lattice.apply(blank, emit, (frames, tokens), sums or all_alignments)
    return loss, occupancy


class _Lattice(torch.autograd.Function):
    """Forward and backward sums; the gradient of the loss is minus the expected use of each arc."""

    @staticmethod
    def forward(ctx: Any, blank: Tensor, emit: Tensor, shape: tuple[Tensor, Tensor], sums: Sums) -> Any:
        total, blank_use, emit_use = sums(blank, emit, *shape)
        ctx.save_for_backward(blank_use, emit_use)
        occupancy = blank_use + emit_use
        ctx.mark_non_differentiable(occupancy)
        return -total.to(blank.dtype), occupancy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        blank_use, emit_use = ctx.saved_tensors
        scale = gradients[0][:, None, None]
        return -blank_use * scale, -emit_use * scale, None, None


def all_alignments(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sum over the alignments of each utterance.

    Returns:
        Log-probability of all of them (N,) float64, and the probabilities (N, T, U + 1) that one takes the blank and
        the emit arc of a node.
    """
    blank_arcs, emit_arcs = _allowed(blank.double(), emit.double(), frames, tokens)
    alpha = _forward_sums(blank_arcs, emit_arcs)
    beta = _backward_sums(blank_arcs, emit_arcs, frames, tokens)
    total = beta[:, 0, 0]
    entered = alpha - total[:, None, None]
    blank_use = (entered + blank_arcs + beta[:, 1:]).exp().to(blank.dtype)
    emit_use = (entered + emit_arcs + _one_token_on(beta[:, 1:])).exp().to(emit.dtype)
    return total, blank_use, emit_use


def _allowed(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Forbid arcs that leave an utterance's own lattice."""
    t = torch.arange(blank.shape[1], device=blank.device)[None, :, None]
    u = torch.arange(blank.shape[2], device=blank.device)[None, None, :]
    over = t >= frames[:, None, None]
    blank = blank.masked_fill(over | (u > tokens[:, None, None]), IMPOSSIBLE)
    return blank, emit.masked_fill(over | (u >= tokens[:, None, None]), IMPOSSIBLE)


def _one_token_on(x: Tensor) -> Tensor:
    """Look at the node with one token more: out[…, u] = x[…, u + 1]."""
    return torch.nn.functional.pad(x[..., 1:], (0, 1), value=IMPOSSIBLE)


def _forward_sums(blank: Tensor, emit: Tensor) -> Tensor:
    """Log-probability of reaching each node: (N, T, U + 1)."""
    row = torch.full_like(blank[:, 0], IMPOSSIBLE)
    row[:, 0] = 0.0
    rows = [row]
    for t in range(blank.shape[1] - 1):
        said = torch.nn.functional.pad((row + emit[:, t])[:, :-1], (1, 0), value=IMPOSSIBLE)
        row = torch.logaddexp(row + blank[:, t], said)
        rows.append(row)
    return torch.stack(rows, dim=1)


def _backward_sums(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability of finishing from each node, the end included: (N, T + 1, U + 1)."""
    last = torch.arange(blank.shape[2], device=blank.device) == tokens.unsqueeze(1)  # (N, U + 1)
    row = torch.full_like(blank[:, 0], IMPOSSIBLE)
    rows = []
    for t in range(blank.shape[1], -1, -1):
        if t < blank.shape[1]:
            row = torch.logaddexp(blank[:, t] + row, emit[:, t] + _one_token_on(row))
        row = row.masked_fill(last & (frames == t).unsqueeze(1), 0.0)
        rows.append(row)
    return torch.stack(rows[::-1], dim=1)
