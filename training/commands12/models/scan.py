"""The selective state space in its dual form: a whole stretch at once by matrix products, from any start state.

    h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t'        y_t = h_t C_t

with one decay A < 0 per head (Dao and Gu 2024, arXiv:2405.21060). A stretch of one frame is the plain recurrence.
All exponents are differences of a falling sum, hence at most 0: nothing can overflow.
"""

import torch
from torch import Tensor

from training.commands12.models import scan_kernel

STRETCH_FRAMES = 48  # an exported block is one of these; the cost of a stretch grows with its square


def selective_scan(
    x: Tensor, dt: Tensor, decay: Tensor, *, b: Tensor, c: Tensor, state: Tensor
) -> tuple[Tensor, Tensor]:
    """Run any number of frames, stretch by stretch; arguments and result as of `scan_stretch`."""
    if scan_kernel.fits(x):
        return scan_kernel.compiled_scan(x, dt, decay, b=b, c=c, state=state)
    found = []
    cut = (part.split(STRETCH_FRAMES, dim=1) for part in (x, dt, b, c))
    for x_part, dt_part, b_part, c_part in zip(*cut, strict=True):
        y, state = scan_stretch(x_part, dt_part, decay, b=b_part, c=c_part, state=state)
        found.append(y)
    return torch.cat(found, dim=1), state


def scan_stretch(x: Tensor, dt: Tensor, decay: Tensor, *, b: Tensor, c: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Run one stretch of t frames by matrix products.

    Args:
        x: (batch, t, heads, width).
        dt: (batch, t, heads), positive.
        decay: (heads,), negative.
        b: (batch, t, n), the way in.
        c: (batch, t, n), the way out.
        state: (batch, heads, n, width) before the first frame.

    Returns:
        y (batch, t, heads, width) and the state after the last frame.
    """
    past = torch.cumsum(dt * decay, dim=1).transpose(1, 2)  # (batch, heads, t)
    fade = causal_fade(past)
    driven = (x * dt.unsqueeze(-1)).transpose(1, 2)  # (batch, heads, t, width)
    mixed = fade * (c @ b.transpose(1, 2)).unsqueeze(1)
    carried = torch.exp(past).unsqueeze(-1) * (c.unsqueeze(1) @ state)
    y = mixed @ driven + carried
    kept = torch.exp(past[..., -1:]).unsqueeze(-1) * state
    added = b.transpose(1, 2).unsqueeze(1) @ (fade[:, :, -1, :].unsqueeze(-1) * driven)
    return y.transpose(1, 2), kept + added


def causal_fade(past: Tensor) -> Tensor:
    """How much of frame s is left at frame t: (batch, heads, t) → (batch, heads, t, s), zero for s after t."""
    frames = past.shape[-1]
    later = torch.triu(torch.ones(frames, frames, dtype=torch.bool, device=past.device), diagonal=1)
    return torch.exp((past.unsqueeze(-1) - past.unsqueeze(-2)).masked_fill(later, -torch.inf))
