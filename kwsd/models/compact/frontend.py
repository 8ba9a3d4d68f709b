"""The convolutional front end: fbank of a segment to one row for each inner frame (arXiv:2310.11230, section 3.1)."""

from __future__ import annotations

from typing import Any

import numpy as np

from kwsd.models.compact.graph import STREAMS, Graph
from kwsd.models.compact.nonlinearity import left, right
from kwsd.models.compact.norm import bias_norm
from kwsd.models.compact.weights import EncoderShape, Weights

MEL_BINS = 80
NEXT_CONTEXT = 3
"""Inner frames that the ConvNeXt block sees to each side; those before the chunk are a cache."""
CONVOLUTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("conv.0", {"pads": [0, 1, 0, 1]}),
    ("conv.2", {"strides": [2, 2]}),
    ("conv.4", {"strides": [1, 2]}),
)


def front_end(graph: Graph, weights: Weights, shape: EncoderShape) -> str:
    """Add it; gives rows (chunk * N, C), of which N neighbours are the streams' same frame."""
    picture = convolutions(graph, weights, shape)
    channels, bins = weights["convnext.depthwise_conv.weight"].shape[0], ((MEL_BINS - 1) // 2 - 1) // 2
    cached = graph.input("embed_states", (STREAMS, channels, NEXT_CONTEXT, bins))
    around = graph.op("Concat", cached, picture, axis=2)
    kept = graph.slice(around, shape.chunk, shape.chunk + NEXT_CONTEXT, 2)
    graph.output("new_embed_states", kept, (STREAMS, channels, NEXT_CONTEXT, bins))

    usually_off = left(shape.activation)
    first, first_bias = weights.linear("convnext.pointwise_conv1")
    second, second_bias = weights.linear("convnext.pointwise_conv2")
    second_bias = second_bias + usually_off.owed * second.sum(axis=(1, 2, 3))
    depthwise = [graph.constant(value) for value in weights.linear("convnext.depthwise_conv")]
    mixed = graph.op("Conv", around, *depthwise, group=channels, pads=[0, 3, 0, 3])
    wide = graph.op("Conv", mixed, graph.constant(first), graph.constant(first_bias - usually_off.shift))
    narrow = graph.op("Conv", usually_off.apply(graph, wide), graph.constant(second), graph.constant(second_bias))
    embedded = graph.op("Add", graph.slice(picture, 0, shape.chunk, 2), narrow)

    rows = graph.reshape(graph.op("Transpose", embedded, perm=[2, 0, 1, 3]), -1, channels * bins)
    matrix, bias = weights.linear("out")
    rows = graph.op("Gemm", rows, graph.matrix(matrix.T), graph.constant(bias))
    normed, factor = bias_norm(graph, rows, weights.within("out_norm"), shape.dimension)
    return str(graph.op("Mul", normed, graph.constant(factor)))


def convolutions(graph: Graph, weights: Weights, shape: EncoderShape) -> str:
    """Three of 3 x 3: (N, segment, 80) to (N, channels, chunk + 3, 19)."""
    value = graph.input("x", (STREAMS, shape.segment_frames, MEL_BINS))
    value = graph.reshape(value, -1, 1, shape.segment_frames, MEL_BINS)
    if (shape.input_scale, shape.input_offset) != (1.0, 0.0):
        value = graph.op("Mul", value, graph.constant(shape.input_scale))
        value = graph.op("Add", value, graph.constant(shape.input_offset))
    nonlinearity, owed = right(shape.activation), 0.0
    for name, attributes in CONVOLUTIONS:
        matrix, bias = weights.linear(name)
        bias = bias + owed * matrix.sum(axis=(1, 2, 3)) - nonlinearity.shift
        value = nonlinearity.apply(
            graph, graph.op("Conv", value, graph.constant(matrix), graph.constant(bias), **attributes)
        )
        owed = nonlinearity.owed
    return str(graph.op("Add", value, graph.constant(np.float32(owed)))) if owed else value
