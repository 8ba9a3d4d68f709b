"""ScaledAdam on one vector: against the same rule written down parameter by parameter, and its old checkpoints."""

import math
import statistics
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

from training.zipformer.flat import FlatParameters  # noqa: E402  (after the skip)
from training.zipformer.optimizer import (  # noqa: E402
    CLIP_MEMORY,
    LARGEST_SIZE,
    SMALLEST_SIZE,
    ScaledAdam,
)

pytestmark = pytest.mark.training


class Plain:
    """ScaledAdam one parameter after the other, in float64, with numbers of the host."""

    def __init__(self, parameters: list[Any], lr: float) -> None:
        self.parameters, self.lr, self.step_count, self.norms = parameters, lr, 0, list[float]()
        self.state = [[torch.zeros_like(p), torch.zeros_like(p), 0.0, 0.0] for p in parameters]

    def step(self, gradients: list[Any]) -> None:
        """Update; what is not finite is left out."""
        sizes = [max(SMALLEST_SIZE, float(p.square().mean().sqrt())) for p in self.parameters]
        scaled = [g if g.numel() == 1 else g * size for g, size in zip(gradients, sizes, strict=True)]
        norm = math.sqrt(sum(float(g.square().sum()) for g in scaled))
        if not math.isfinite(norm):
            return
        limit = 2.0 * statistics.median(self.norms) if len(self.norms) >= 10 else norm
        self.norms = [*self.norms, norm][-CLIP_MEMORY:]
        self.step_count += 1
        for p, g, size, state in zip(self.parameters, gradients, sizes, self.state, strict=True):
            self._one(p, g * min(1.0, limit / norm), size, state)

    def _one(self, p: Any, g: Any, size: float, state: list[Any]) -> None:
        along = float((g * p).sum())
        state[0] = 0.9 * state[0] + 0.1 * g
        state[1] = 0.98 * state[1] + 0.02 * g.square()
        state[2] = 0.9 * state[2] + 0.1 * along
        state[3] = 0.98 * state[3] + 0.02 * along**2
        correction = math.sqrt(1 - 0.98**self.step_count) / (1 - 0.9**self.step_count)
        change = correction * state[0] / (state[1].sqrt() + 1e-8)
        if p.numel() == 1:
            p -= self.lr * 0.1 * change
            return
        growth = 0.1 * correction * state[2] / (math.sqrt(state[3]) + 1e-8)
        p -= self.lr * (change * size + (abs(growth) if size > LARGEST_SIZE else growth) * p)


def network() -> Any:
    """Parameters of several shapes: of one element, too large, at zero, and innermost first as a picture has them."""
    torch.manual_seed(1)
    model = torch.nn.ParameterDict(
        {
            "scalar": torch.tensor(0.5),
            "one": torch.ones(1),
            "large": 4.0 * torch.randn(7, 30),
            "zero": torch.zeros(65),
            "same": torch.randn(7, 30),
            "picture": torch.randn(8, 4, 3, 3).to(memory_format=torch.channels_last),
        }
    )
    return model.float()


def test_fifty_steps_equal_those_of_each_parameter_alone() -> None:
    """Clipped steps, and one whose gradient is not finite, among them."""
    model = network()
    plain = Plain([p.detach().double().clone() for p in model.parameters()], lr=0.03)
    flat = FlatParameters(model)
    ours = ScaledAdam(flat, lr=0.03)
    for step in range(105):
        loud = 100.0 if step % 13 == 12 else 1.0
        gradients = [loud * torch.randn(p.shape) for p in model.parameters()]
        if step == 20:
            gradients[2][0, 0] = math.nan
        flat.clear_gradients()
        sum((p * g).sum() for p, g in zip(model.parameters(), gradients, strict=True)).backward()
        ours.step()
        plain.step([g.double() for g in gradients])
        if step == 49:
            for mine, theirs in zip(model.parameters(), plain.parameters, strict=True):
                assert (mine - theirs).abs().max() < 1e-6 * max(1.0, float(theirs.abs().max()))
    assert ours.last_norm() == pytest.approx(plain.norms[-1], rel=1e-4)
    assert model["picture"].is_contiguous(memory_format=torch.channels_last)


def test_a_state_goes_into_a_checkpoint_and_comes_back() -> None:
    flat = FlatParameters(network())
    ours = ScaledAdam(flat)
    for _ in range(3):
        for parameter in flat.parameters:
            parameter.grad.normal_()
        ours.step()
    other = ScaledAdam(FlatParameters(network()))
    other.load_state_dict(ours.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.state.values(), other.state.values(), strict=True))
    assert other.last_norm() == ours.last_norm() > 0.0


def test_a_state_stacked_by_shape_is_taken_over() -> None:
    """What version 3 and the first runs of version 4 left: moments (B, …) with the first parameter of each shape."""
    flat = FlatParameters(network())
    ours = ScaledAdam(flat)
    names = ["scalar", "one", "large", "zero", "same", "picture"]
    stacks = {"scalar": 1, "one": 1, "large": 2, "zero": 1, "picture": 1}
    state = {}
    for name, count in stacks.items():
        shape = torch.atleast_1d(network()[name].detach()).shape
        sizes = torch.arange(count, dtype=torch.float32).reshape(-1, *[1] * len(shape))
        moments = {key: torch.randn(count, *shape) for key in ("mean", "square")}
        state[flat.names.index(name)] = {"step": 12, **moments, "size_mean": sizes + 1, "size_square": sizes + 3}
    ours.load_state_dict({"state": state, "param_groups": [{"lr": 0.1, "recent_norms": [1.0, 2.0, 3.0]}]})
    kept = ours.state_dict()
    first = state[flat.names.index("large")]
    assert torch.equal(kept["mean"]["large"], first["mean"][0])
    assert torch.equal(kept["square"]["same"], first["square"][1])
    assert kept["size_mean"][[flat.names.index(name) for name in names]].tolist() == [1, 1, 1, 1, 2, 1]
    assert float(kept["steps"]) == 12
    assert ours.last_norm() == 3.0
