"""Sum over all alignments of a transducer (Graves, arXiv:1211.3711, section 2.4), vectorised along anti-diagonals.

In node (t, u) the model has heard t frames and said u tokens. "Blank" leads to (t + 1, u), "emit" to (t, u + 1); an
alignment runs from (0, 0) to (T, U). Nodes with the same t + u depend only on those with one less, so a whole
anti-diagonal of a whole batch is one vector operation.
"""

from typing import Any

import torch
from torch import Tensor

IMPOSSIBLE = -1e30


def transducer_loss(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Negative log-likelihood of each utterance.

    Args:
        blank: (N, T, U + 1) log-probability of blank in each node.
        emit: (N, T, U + 1) log-probability of the next token in each node; the last column is not used.
        frames: (N,) int64, frames of each utterance, at most T.
        tokens: (N,) int64, tokens of each utterance, at most U.

    Returns:
        Loss (N,) in nats, and the probability (N, T, U + 1) that an alignment is in a node, without gradient.
    """
    loss, occupancy = _Lattice.apply(blank, emit, frames, tokens)
    return loss, occupancy


class _Lattice(torch.autograd.Function):
    """Forward and backward sums; the gradient of the loss is minus the expected use of each arc."""

    @staticmethod
    def forward(ctx: Any, blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        blank_arcs, emit_arcs = _allowed(blank.double(), emit.double(), frames, tokens)
        blank_rows, emit_rows = _skew(blank_arcs), _skew(emit_arcs)  # (T + U, N, U + 1)
        alpha = _forward_sums(blank_rows, emit_rows)
        beta = _backward_sums(blank_rows, emit_rows, frames, tokens)
        total = beta[0, :, :1]  # (N, 1): log-probability of all alignments
        shifted = torch.cat([beta[1:, :, 1:], torch.full_like(beta[1:, :, :1], IMPOSSIBLE)], dim=2)
        blank_use = _unskew((alpha + blank_rows + beta[1:] - total).exp(), blank.shape[1])
        emit_use = _unskew((alpha + emit_rows + shifted - total).exp(), blank.shape[1])
        ctx.save_for_backward(blank_use.to(blank.dtype), emit_use.to(emit.dtype))
        occupancy = (blank_use + emit_use).to(blank.dtype)
        ctx.mark_non_differentiable(occupancy)
        return -total.squeeze(1).to(blank.dtype), occupancy

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        blank_use, emit_use = ctx.saved_tensors
        scale = gradients[0][:, None, None]
        return -blank_use * scale, -emit_use * scale, None, None


def _allowed(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Forbid arcs that leave an utterance's own lattice."""
    t = torch.arange(blank.shape[1], device=blank.device)[None, :, None]
    u = torch.arange(blank.shape[2], device=blank.device)[None, None, :]
    over = t >= frames[:, None, None]
    blank = blank.masked_fill(over | (u > tokens[:, None, None]), IMPOSSIBLE)
    return blank, emit.masked_fill(over | (u >= tokens[:, None, None]), IMPOSSIBLE)


def _skew(x: Tensor) -> Tensor:
    """Lay anti-diagonals as rows: (N, T, W) to (T + W - 1, N, W) with out[d, n, u] = x[n, d - u, u]."""
    frames, width = x.shape[1:]
    u = torch.arange(width, device=x.device)
    t = torch.arange(frames + width - 1, device=x.device).unsqueeze(1) - u  # (D, W)
    rows = x[:, t.clamp(0, frames - 1), u].masked_fill((t < 0) | (t >= frames), IMPOSSIBLE)
    return rows.transpose(0, 1)


def _unskew(rows: Tensor, frames: int) -> Tensor:
    """Undo `_skew`: (T + W - 1, N, W) to (N, T, W)."""
    u = torch.arange(rows.shape[2], device=rows.device)
    t = torch.arange(frames, device=rows.device).unsqueeze(1)
    return rows.transpose(0, 1)[:, t + u, u]


def _shift_right(row: Tensor) -> Tensor:
    return torch.cat([torch.full_like(row[:, :1], IMPOSSIBLE), row[:, :-1]], dim=1)


def _forward_sums(blank: Tensor, emit: Tensor) -> Tensor:
    """Log-probability of reaching each node, skewed: (D, N, W)."""
    row = torch.full_like(blank[0], IMPOSSIBLE)
    row[:, 0] = 0.0
    rows = [row]
    for d in range(1, blank.shape[0]):
        row = torch.logaddexp(row + blank[d - 1], _shift_right(row + emit[d - 1]))
        rows.append(row)
    return torch.stack(rows)


def _backward_sums(blank: Tensor, emit: Tensor, frames: Tensor, tokens: Tensor) -> Tensor:
    """Log-probability of finishing from each node, skewed, with one row more for the last arcs: (D + 1, N, W)."""
    width = blank.shape[2]
    last = torch.arange(width, device=blank.device) == tokens.unsqueeze(1)  # (N, W)
    row = torch.full_like(blank[0], IMPOSSIBLE)
    rows = []
    for d in range(blank.shape[0], -1, -1):
        if d < blank.shape[0]:
            left = torch.cat([row[:, 1:], torch.full_like(row[:, :1], IMPOSSIBLE)], dim=1)
            row = torch.logaddexp(blank[d] + row, emit[d] + left)
        row = row.masked_fill(last & (frames + tokens == d).unsqueeze(1), 0.0)
        rows.append(row)
    return torch.stack(rows[::-1])
