"""SiLU, and the two Swooshes of the Zipformer with their constants moved into the biases around them."""

from __future__ import annotations

from kwsd.models.compact.graph import Graph
from kwsd.quick_dataclass import dataclass

SLOPE = 0.08
EXP_LIMIT = 80.0
"""exp of more overflows in float32; no sound was seen to come near it, broken input does."""


@dataclass(frozen=True, slots=True)
class Nonlinearity:
    """log(1 + exp(x - shift)) - 0.08 x - c for Swoosh, x sigmoid(x) for SiLU.

    `apply` takes x - shift, the shift being taken from the bias before, and leaves out the constant `owed`, which the
    bias behind adds.
    """

    swoosh: bool
    shift: float = 0.0
    owed: float = 0.0

    def apply(self, graph: Graph, value: str) -> str:
        """Add it to the graph."""
        if not self.swoosh:
            return graph.microsoft("QuickGelu", value, alpha=1.0)
        finite = graph.op("Min", value, graph.constant(EXP_LIMIT))
        softplus = graph.op("Log", graph.op("Add", graph.op("Exp", finite), graph.constant(1.0)))
        return str(graph.op("Sub", softplus, graph.op("Mul", value, graph.constant(SLOPE))))


def left(kind: str) -> Nonlinearity:
    """SwooshL, of feed-forward and ConvNeXt: for what is normally off."""
    return Nonlinearity(True, 4.0, -4.0 * SLOPE - 0.035) if kind == "swoosh" else Nonlinearity(False)


def right(kind: str) -> Nonlinearity:
    """SwooshR, of convolutions: through the origin."""
    return Nonlinearity(True, 1.0, -SLOPE - 0.313261687) if kind == "swoosh" else Nonlinearity(False)
