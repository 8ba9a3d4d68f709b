"""BiasNorm without its constant, which the caller folds into what comes next (arXiv:2310.11230, section 3.2)."""

from __future__ import annotations

import math

import numpy as np

from kwsd.models.compact.graph import Graph
from kwsd.models.compact.weights import Weights


def bias_norm(graph: Graph, value: str, weights: Weights, dimension: int) -> tuple[str, float]:
    """X / sqrt(sum of (x - bias)²) of rows (n, C), and the factor that is still to be applied."""
    apart = graph.op("Sub", value, graph.constant(weights["bias"]))
    power = graph.op("ReduceSumSquare", apart, axes=[1], keepdims=1)
    scaled = graph.op("Mul", value, graph.op("Pow", power, graph.constant(-0.5)))
    return scaled, math.sqrt(dimension) * float(np.exp(weights["log_scale"]))
