"""ScaledAdam and its learning rate (Zipformer, arXiv:2310.11230, sections 3.5 and 3.6).

Adam whose step is proportional to the size of the parameter it changes, plus a slow Adam on that size itself.
All are updated together, as one vector, and nothing is asked of the device: a step can be captured in a CUDA graph.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from training.zipformer.flat import FlatParameters
from training.zipformer.settings import TrainSettings

SMALLEST_SIZE = 1e-3
"""Root mean square below which a parameter still moves as if it had this size: many start at zero."""
LARGEST_SIZE = 3.0
CLIP_MEMORY = 100
"""Steps whose gradient norms the clipping threshold is the median of."""
FIRST_CLIPPED = 10
"""Norms that must be known before any gradient is cut."""


def learning_rate(step: int, settings: TrainSettings) -> float:
    """Rate at a step: none for `still` steps, half to full over `warmup`, falling as step**-0.5 from about `decay` on.

    Over the last `cool_down` of `steps` it falls linearly as well, to a twentieth.
    """
    if step < settings.still:
        return 0.0
    warm = min(1.0, 0.5 + 0.5 * (step - settings.still) / max(1, settings.warmup))
    falling = ((step**2 + settings.decay**2) / settings.decay**2) ** -0.25
    cooling = 1.0
    if settings.cool_down:
        cooling = min(1.0, max(0.05, (settings.steps - step) / settings.cool_down))
    return float(settings.rate * warm * falling * cooling)


class ScaledAdam:
    """Adam relative to the size of each parameter, with clipping at a multiple of the median gradient norm.

    Args:
        flat: the parameters to be optimised.
        lr: relative change per step, 0.045 for a large model and batch; may be set between steps.
        betas: decay of the two moments.
        size_rate: learning rate of a parameter's size, relative to lr.
        scalar_rate: learning rate of parameters of one element, relative to lr.
        clip: multiple of the recent median norm at which gradients are cut; 0 never cuts.
    """

    def __init__(
        self,
        flat: FlatParameters,
        lr: float = 0.045,
        *,
        betas: tuple[float, float] = (0.9, 0.98),
        size_rate: float = 0.1,
        scalar_rate: float = 0.1,
        clip: float = 2.0,
    ) -> None:
        self.flat, self.lr, self.betas, self.clip = flat, lr, betas, clip
        self._size_rate, self._scalar_rate = size_rate, scalar_rate
        self._scalar = flat.counts == 1
        device = flat.counts.device
        self._rate = torch.zeros((), device=device)
        self.state: dict[str, Tensor] = {
            "steps": torch.zeros((), dtype=torch.float64, device=device),
            "norms": torch.full((CLIP_MEMORY,), torch.inf, device=device),
            "norms_seen": torch.zeros((), dtype=torch.int64, device=device),
            "mean": flat.zeros(),
            "square": flat.zeros(),
            "size_mean": torch.zeros_like(flat.counts),
            "size_square": torch.zeros_like(flat.counts),
        }
        """all that a step changes beside the parameters"""

    def step(self) -> None:
        """Update every parameter; a step with a gradient that is not finite is left out."""
        self.set_rate()
        self.update()

    def set_rate(self) -> None:
        """Bring `lr` to the device."""
        self._rate.fill_(self.lr)

    @torch.no_grad()
    def update(self) -> None:
        """Do what a step does on the device, at the rate that was set last."""
        flat, state, value = self.flat, self.state, self.flat.values
        size = (flat.sums(value.square()) / flat.counts).sqrt().clamp(min=SMALLEST_SIZE)
        relative = torch.where(self._scalar, 1.0, size)
        norm = (flat.sums(flat.gradients.square()) * relative.square()).sum().sqrt()
        good = norm.isfinite()
        gradient = torch.where(good, flat.gradients * self._clip_factor(norm, good), 0.0)
        along = flat.sums(gradient * value)
        state["steps"] += good
        slow, slower = (beta ** state["steps"].clamp(min=1.0) for beta in self.betas)
        correction = ((1 - slower).sqrt() / (1 - slow)).float()
        change = correction * self._direction("mean", "square", gradient, good)
        growth = correction * self._direction("size_mean", "size_square", along, good) * self._size_rate
        growth = torch.where(size > LARGEST_SIZE, growth.abs(), growth)  # what is too large may only shrink
        growth = torch.where(self._scalar, 0.0, growth)
        scale = torch.where(self._scalar, self._scalar_rate, size)
        value -= self._rate * good * (change * flat.spread(scale) + flat.spread(growth) * value)

    def last_norm(self) -> float:
        """Give the gradient norm of the latest step, each gradient relative to its parameter's size."""
        seen = int(self.state["norms_seen"])
        return float(self.state["norms"][(seen - 1) % CLIP_MEMORY]) if seen else 0.0

    def state_dict(self, state: Mapping[str, Tensor] | None = None) -> dict[str, Any]:
        """Give everything that goes into a checkpoint, of a copy of `state` if there is one; moments by parameter."""
        return {
            name: self.flat.named(held) if held.dim() == 2 else held
            for name, held in ((name, (state or self.state)[name]) for name in self.state)
        }

    def load_state_dict(self, values: dict[str, Any]) -> None:
        """Go on from a checkpoint, or from one that was written while parameters of one shape were kept together."""
        if "param_groups" in values:
            values = _from_shapes(values, self.flat)
        for name, held in self.state.items():
            if held.dim() == 2:
                for part, view in self.flat.named(held).items():
                    view.copy_(values[name][part])
            else:
                held.copy_(values[name])

    def _clip_factor(self, norm: Tensor, good: Tensor) -> Tensor:
        """Compare a norm with the median of those before it, and remember it."""
        norms, seen = self.state["norms"], self.state["norms_seen"]
        known = seen.clamp(max=CLIP_MEMORY)
        middle = torch.stack([(known - 1).clamp(min=0) // 2, (known // 2).clamp(max=CLIP_MEMORY - 1)])
        median = norms.sort().values[middle].mean()
        limit = torch.where(known >= FIRST_CLIPPED, self.clip * median, norm) if self.clip else norm
        place = (seen % CLIP_MEMORY).unsqueeze(0)
        norms.index_copy_(0, place, torch.where(good, norm, norms[place]))
        seen += good
        return (limit / norm.clamp(min=torch.finfo(norm.dtype).tiny)).clamp(max=1.0)

    def _direction(self, mean: str, square: str, gradient: Tensor, good: Tensor) -> Tensor:
        """Adam's moments (arXiv:1412.6980), unchanged by what is not good; its direction but for the correction."""
        slow, slower = self.betas
        self.state[mean].lerp_(gradient, (1 - slow) * good)
        self.state[square].lerp_(gradient.square(), (1 - slower) * good)
        return self.state[mean] / (self.state[square].sqrt() + 1e-8)


def _from_shapes(values: dict[str, Any], flat: FlatParameters) -> dict[str, Any]:
    """Convert a state whose moments are stacked by shape, each with the first parameter of that shape."""
    shapes: dict[torch.Size, list[int]] = {}
    for number, parameter in enumerate(flat.parameters):
        shapes.setdefault(parameter.shape, []).append(number)
    moments: dict[str, Any] = {"mean": {}, "square": {}, "size_mean": [0.0] * len(flat.names)}
    moments["size_square"] = [0.0] * len(flat.names)
    for shape, numbers in shapes.items():
        held = values["state"][numbers[0]]
        for place, number in enumerate(numbers):
            for name in ("mean", "square"):
                moments[name][flat.names[number]] = held[name][place].reshape(shape)
            for name in ("size_mean", "size_square"):
                moments[name][number] = float(held[name][place])
    recent = values["param_groups"][0]["recent_norms"]
    return {
        "steps": torch.tensor(float(max(held["step"] for held in values["state"].values()))),
        "norms": torch.tensor([*recent, *[torch.inf] * (CLIP_MEMORY - len(recent))]),
        "norms_seen": torch.tensor(len(recent)),
        **moments,
        "size_mean": torch.tensor(moments["size_mean"]),
        "size_square": torch.tensor(moments["size_square"]),
    }
