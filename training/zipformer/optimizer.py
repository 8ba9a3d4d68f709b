"""ScaledAdam and its learning rate (Zipformer, arXiv:2310.11230, sections 3.5 and 3.6).

Adam whose step is proportional to the size of the parameter it changes, plus a slow Adam on that size itself.
Parameters of one shape are updated together, as one tensor, so that a step is few operations.
"""

import math
import statistics
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from training.zipformer.settings import TrainSettings

SMALLEST_SIZE = 1e-3
"""Root mean square below which a parameter still moves as if it had this size: many start at zero."""
LARGEST_SIZE = 3.0
CLIP_MEMORY = 100
"""Steps whose gradient norms the clipping threshold is the median of."""


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Rate at a step: half to full over `warmup`, then falling as step**-0.5 from about `decay` on.

    Over the last `cool_down` of `steps` it falls linearly as well, to a twentieth.
    """
    warm = min(1.0, 0.5 + 0.5 * step / max(1, settings.warmup))
    falling = ((step**2 + settings.decay**2) / settings.decay**2) ** -0.25
    cooling = 1.0
    if settings.cool_down:
        cooling = min(1.0, max(0.05, (settings.steps - step) / settings.cool_down))
    return float(settings.rate * warm * falling * cooling)


class ScaledAdam(Optimizer):
    """Adam relative to the size of each parameter, with clipping at a multiple of the median gradient norm.

    Args:
        parameters: to be optimised.
        lr: relative change per step, 0.045 for a large model and batch.
        betas: decay of the two moments.
        size_rate: learning rate of a parameter's size, relative to lr.
        scalar_rate: learning rate of parameters of one element, relative to lr.
        clip: multiple of the recent median norm at which gradients are cut; 0 never cuts.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.045,
        *,
        betas: tuple[float, float] = (0.9, 0.98),
        size_rate: float = 0.1,
        scalar_rate: float = 0.1,
        clip: float = 2.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "size_rate": size_rate, "scalar_rate": scalar_rate, "clip": clip}
        super().__init__(parameters, {**defaults, "recent_norms": []})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Update every parameter; a step with a gradient that is not finite is left out."""
        if closure is not None:
            raise ValueError("ScaledAdam evaluates no closure; compute gradients before step()")
        for group in self.param_groups:
            batches = [_Batch(same, self.state) for same in _by_shape(group["params"])]
            squares = [batch.relative_square() for batch in batches]
            norm = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
            if not math.isfinite(norm):
                continue
            factor = _clip_factor(norm, group["recent_norms"], group["clip"])
            for batch in batches:
                batch.update(group, factor)

    def last_norm(self) -> float:
        """Give the gradient norm of the latest step, each gradient relative to its parameter's size."""
        norms = self.param_groups[0]["recent_norms"]
        return float(norms[-1]) if norms else 0.0


def _clip_factor(norm: float, recent: list[float], clip: float) -> float:
    limit = clip * statistics.median(recent) if clip and len(recent) >= 10 else norm
    recent.append(norm)
    del recent[:-CLIP_MEMORY]
    return min(1.0, limit / norm) if norm else 1.0


def _by_shape(parameters: Iterable[Tensor]) -> list[list[Tensor]]:
    groups: dict[torch.Size, list[Tensor]] = {}
    for parameter in parameters:
        groups.setdefault(parameter.shape, []).append(parameter)
    return list(groups.values())


def _gradient(parameter: Tensor) -> Tensor:
    """Zero where the loss did not reach: a group must not change when another loss joins in."""
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


class _Batch:
    """Parameters of one shape as one tensor (B, …); their state is kept with the first of them."""

    def __init__(self, parameters: list[Tensor], state: dict[Tensor, Any]) -> None:
        self.parameters = parameters
        self.value = torch.stack([torch.atleast_1d(p.detach()) for p in parameters])
        self.gradient = torch.stack([torch.atleast_1d(_gradient(p)) for p in parameters])
        self.axes = tuple(range(1, self.value.dim()))
        self.scalar = parameters[0].numel() == 1
        self.state = state[parameters[0]]
        if not self.state:
            self._start()

    def _start(self) -> None:
        per_parameter = self.value.flatten(1)[:, :1].reshape(-1, *[1] * len(self.axes))
        self.state["step"] = 0
        self.state["mean"] = torch.zeros_like(self.value)
        self.state["square"] = torch.zeros_like(self.value)
        self.state["size_mean"] = torch.zeros_like(per_parameter)
        self.state["size_square"] = torch.zeros_like(per_parameter)

    def size(self) -> Tensor:
        """Root mean square of each parameter, (B, 1, …)."""
        return self.value.square().mean(dim=self.axes, keepdim=True).sqrt().clamp(min=SMALLEST_SIZE)

    def relative_square(self) -> Tensor:
        """Sum of squares of the gradients, each times its parameter's size."""
        scaled = self.gradient if self.scalar else self.gradient * self.size()
        return scaled.square().sum()

    def update(self, group: dict[str, Any], factor: float) -> None:
        self.state["step"] += 1
        self.gradient = self.gradient * factor
        change = self._adam("mean", "square", self.gradient, group["betas"])
        if self.scalar:
            change = change * group["scalar_rate"]
        else:
            size = self.size()
            along = (self.gradient * self.value).sum(dim=self.axes, keepdim=True)
            growth = self._adam("size_mean", "size_square", along, group["betas"]) * group["size_rate"]
            growth = torch.where(size > LARGEST_SIZE, growth.abs(), growth)  # what is too large may only shrink
            change = change * size + growth * self.value
        for parameter, new in zip(self.parameters, self.value - group["lr"] * change, strict=True):
            parameter.copy_(new.reshape(parameter.shape))

    def _adam(self, mean: str, square: str, gradient: Tensor, betas: tuple[float, float]) -> Tensor:
        """Adam's step (arXiv:1412.6980) for a learning rate of one."""
        slow, slower = betas
        self.state[mean].mul_(slow).add_(gradient, alpha=1 - slow)
        self.state[square].mul_(slower).addcmul_(gradient, gradient, value=1 - slower)
        step = self.state["step"]
        correction = (1 - slower**step) ** 0.5 / (1 - slow**step)
        change: Tensor = correction * self.state[mean] / (self.state[square].sqrt() + 1e-8)
        return change
