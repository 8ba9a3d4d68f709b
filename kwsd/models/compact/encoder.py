"""The whole encoder as one compact graph: front end, stacks at several frame rates, projection."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from kwsd.models.compact.frontend import front_end
from kwsd.models.compact.graph import STREAMS, Graph
from kwsd.models.compact.layer import Layer
from kwsd.models.compact.weights import EncoderShape, Float32, Weights
from kwsd.models.directory import COMPACT_LAYOUT


def build_encoder(
    weights: Weights, shape: EncoderShape, metadata: Mapping[str, str], *, shorten: bool = True
) -> onnx.ModelProto:
    """Write the graph; KeyError names a weight that is missing. Matrices are stored as int8 unless not to `shorten`.

    Rows are (frame, stream), two-dimensional all the way. The streams are a free axis; nothing looks at two of them.
    """
    graph, width, number = Graph(shorten=shorten), shape.dimension, 0
    rows = front_end(graph, weights.within("encoder.encoder_embed"), shape)
    for place, stack in enumerate(shape.stacks):
        own, frames = weights.within(f"encoder.stacks.{place}"), shape.chunk // stack.factor
        keys = (shape.chunk + shape.left) // stack.factor
        mask = graph.input(f"mask_{place}", (f"{STREAMS}*{stack.heads}", 1, keys))
        whole, combine = rows, np.ones(width, np.float32)
        if stack.factor > 1:
            rows = resample(graph, rows, averages(own.averaging("downsample"), frames), width)
        for layer in range(stack.layers):
            last = layer == stack.layers - 1
            if last and stack.factor > 1:
                combine = own.bypass("out_combiner")
            rows = Layer(graph, own.within(f"layers.{layer}"), shape, stack, number).build(rows, mask, combine)
            number += 1
        if stack.factor > 1:
            repeated = np.repeat(np.eye(frames, dtype=np.float32), stack.factor, axis=0)
            kept = graph.op("Mul", whole, graph.constant(1.0 - combine))
            slow = graph.reshape(rows, frames, -1)
            added = graph.op("Gemm", graph.constant(repeated), slow, graph.reshape(kept, shape.chunk, -1))
            rows = graph.reshape(added, -1, width)
    rows = resample(
        graph, rows, averages(weights.within("encoder").averaging("downsample_output"), shape.chunk // 2), width
    )
    matrix, bias = weights.linear("encoder_proj")
    out = graph.op("Gemm", rows, graph.matrix(matrix.T), graph.constant(bias))
    graph.output("encoder_out", out, (f"{shape.chunk // 2}*{STREAMS}", len(bias)), first=True)
    return graph.model(
        {**metadata, "layout": COMPACT_LAYOUT, "heads": ",".join(str(stack.heads) for stack in shape.stacks)}
    )


def averages(weights: Float32, frames: int) -> Float32:
    """A mean of neighbouring frames as a matrix (frames, frames * factor)."""
    return np.kron(np.eye(frames, dtype=np.float32), weights)


def resample(graph: Graph, rows: str, matrix: Float32, width: int) -> str:
    """Rows at another frame rate: `matrix` is (frames after, frames before)."""
    by_frame = graph.reshape(rows, matrix.shape[1], -1)
    return graph.reshape(graph.op("MatMul", graph.constant(matrix), by_frame), -1, width)
