"""A joiner as NumPy computes it: found out from its graph, which is asked a few questions as it loads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kwsd.quick_dataclass import dataclass
from kwsd.stream import Float32

SATURATED = 20.0  # whose tanh is 1 in float32
TRIED_ROWS = 16  # of every channel at once, beside those of one channel that the matrix is read from
NEAR = 1e-4  # of logits: what the graph and the same product in NumPy may differ by

Joiner = Callable[[Float32, Float32], Float32]
"""Frames (n, C) and decoder outputs (n, C) to logits (n, vocabulary)."""


@dataclass(frozen=True, slots=True)
class OutputLayer:
    """Logits are tanh(frame + decoder output) @ matrix, and a bias."""

    matrix: Float32
    """(C, vocabulary)."""
    bias: Float32 | None
    """(vocabulary,), or None where it depends on the decoder's output, as where an export has taken some of the
    joiner's own language model off: then `bias_of` tells."""

    def bias_of(self, joiner: Joiner, decoded: Float32) -> Float32:
        """What the joiner adds for a decoder output (n, C), whatever the frame: (n, vocabulary)."""
        alone = joiner(np.zeros_like(decoded), decoded)
        return np.asarray(alone - np.tanh(decoded) @ self.matrix, np.float32)


def output_layer(joiner: Joiner, width: int) -> OutputLayer | None:
    """Read matrix and bias of a joiner of `width` channels off its answers; None where it computes anything else."""
    probes = np.concatenate([np.zeros((1, width)), SATURATED * np.eye(width)]).astype(np.float32)
    first, *rows = joiner(probes, np.zeros_like(probes))
    layer = OutputLayer(np.array(rows) - first, None)
    waves = np.sin(np.arange(2.0 * TRIED_ROWS * width) ** 2)  # numpy.random would be loaded for this alone: 3 MB
    frames, decoded = waves.reshape(2, TRIED_ROWS, width).astype(np.float32)
    with np.errstate(all="ignore"):  # on arm64 OpenBLAS leaves flags of divisions that nobody made
        biases = layer.bias_of(joiner, decoded)
        apart = np.tanh(frames + decoded) @ layer.matrix + biases - joiner(frames, decoded)
    if not np.abs(apart).max() < NEAR:
        return None
    return OutputLayer(layer.matrix, first) if np.abs(biases - first).max() < NEAR else layer
