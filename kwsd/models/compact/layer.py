"""One layer of a stack, for rows (T * N, C): attention weights once, used three times (arXiv:2310.11230, figure 2).

The stream of residuals carries what it owes: biases of linear layers that write into it are not added one by one but
summed up, paid in the bias of whatever reads it, and added once at the end.
"""

from __future__ import annotations

import math

import numpy as np

from kwsd.models.compact.graph import STREAMS, Graph
from kwsd.models.compact.nonlinearity import Nonlinearity, left, right
from kwsd.models.compact.norm import bias_norm
from kwsd.models.compact.weights import EncoderShape, Float32, StackShape, Weights


class Layer:
    """Adds one layer to a graph."""

    def __init__(self, graph: Graph, weights: Weights, shape: EncoderShape, stack: StackShape, number: int) -> None:
        """`number` counts the layers of all stacks: caches are named by it."""
        self.graph, self.weights, self.stack, self.number = graph, weights, stack, number
        self.width, self.kind = shape.dimension, shape.activation
        self.frames, self.cached = shape.chunk // stack.factor, shape.left // stack.factor
        self.keys = self.frames + self.cached
        self.owed: Float32 = np.zeros(shape.dimension, np.float32)

    def build(self, start: str, mask: str, combine: Float32) -> str:
        """The layer on rows `start`; channels of the result are scaled by `combine`, the share of a bypass around."""
        usually_off = left(self.kind)
        attention, hidden = self.attention_weights(start, mask, usually_off)
        value = self.write("feed_forward1.out_proj", usually_off.apply(self.graph, hidden), start, usually_off)
        value = self.nonlinear_attention(value, attention)
        value = self.self_attention(1, value, attention)
        value = self.convolution(1, value)
        value = self.feed_forward(2, value)
        value = self.mix(start, value, self.weights.bypass("bypass_mid"))
        value = self.self_attention(2, value, attention)
        value = self.convolution(2, value)
        value = self.feed_forward(3, value)
        value = self.graph.op("Add", value, self.graph.constant(self.owed))
        value, factor = bias_norm(self.graph, value, self.weights.within("norm"), self.width)
        share = self.weights.bypass("bypass")
        kept = self.graph.op("Mul", start, self.graph.constant((1.0 - share) * combine))
        return str(
            self.graph.op("Add", kept, self.graph.op("Mul", value, self.graph.constant(factor * share * combine)))
        )

    def read(self, name: str, value: str, nonlinearity: Nonlinearity | None = None) -> str:
        """A linear layer that reads the residuals, what they owe included."""
        matrix, bias = self.weights.linear(name)
        owed = bias + matrix @ self.owed - (nonlinearity.shift if nonlinearity else 0.0)
        return str(self.graph.op("Gemm", value, self.graph.matrix(matrix.T), self.graph.constant(owed)))

    def write(self, name: str, value: str, residual: str, nonlinearity: Nonlinearity | None = None) -> str:
        """A linear layer whose output is added to the residuals; its bias is owed."""
        matrix, bias = self.weights.linear(name)
        paid = nonlinearity.owed * matrix.sum(axis=1) if nonlinearity else np.zeros_like(bias)
        self.owed = np.asarray(self.owed + bias + paid, np.float32)
        return str(self.graph.op("Gemm", value, self.graph.matrix(matrix.T), residual))

    def mix(self, start: str, value: str, share: Float32) -> str:
        """Bypass: (1 - s) start + s value."""
        self.owed = np.asarray(self.owed * share, np.float32)
        kept = self.graph.op("Mul", start, self.graph.constant(1.0 - share))
        return str(self.graph.op("Add", kept, self.graph.op("Mul", value, self.graph.constant(share))))

    def behind_cache(self, name: str, value: str, rows: int, width: int) -> str:
        """The last `rows` frames and the new ones, ((rows + T) * N, width); all of it is an output.

        The caller keeps the last rows of it, which is a view, in place of a node that would copy them.
        """
        cache = self.graph.input(f"{name}_{self.number}", (f"{rows}*{STREAMS}", width))
        whole = str(self.graph.op("Concat", cache, value, axis=0))
        self.graph.output(f"new_{name}_{self.number}", whole, (f"{rows + self.frames}*{STREAMS}", width))
        return whole

    def attention_weights(self, start: str, mask: str, nonlinearity: Nonlinearity) -> tuple[str, str]:
        """Softmax over keys (N * H, T, K); and what the first feed-forward's first layer makes of `start`.

        Both read the same rows, so their linear layers are one.
        """
        graph, stack, heads = self.graph, self.stack, self.stack.heads
        project, project_bias = self.weights.linear("self_attn_weights.in_proj")
        hidden, hidden_bias = self.weights.linear("feed_forward1.in_proj")
        both = np.concatenate([project, hidden]).T
        bias = np.concatenate([project_bias, hidden_bias - nonlinearity.shift])
        rows = graph.op("Gemm", start, graph.matrix(both), graph.constant(bias))
        width = heads * stack.query_head
        query, key, place, hidden_rows = graph.split(rows, [width, width, heads * stack.position_head, len(hidden)])

        keys = self.behind_cache("key", key, self.cached, width)
        content = graph.microsoft(
            "FusedMatMul",
            graph.reshape(query, self.frames, -1, stack.query_head),
            graph.reshape(keys, self.keys, -1, stack.query_head),
            transBatchA=1,
            transBatchB=1,
            transB=1,
        )
        scores = graph.op("Add", content, self.by_distance(place))
        return str(graph.op("Softmax", graph.op("Add", scores, mask), axis=-1)), hidden_rows

    def by_distance(self, place: str) -> str:
        """Scores (N * H, T, K) of how far a key lies behind a query, skewed from distances to keys by a reshape."""
        graph, stack, frames = self.graph, self.stack, self.frames
        distances = self.cached + 2 * frames
        by_stream = graph.reshape(place, frames, -1, stack.heads, stack.position_head)
        by_stream = graph.op("Transpose", by_stream, perm=[1, 2, 0, 3])
        scores = graph.op("MatMul", by_stream, graph.constant(self.position_keys()))
        flat = graph.reshape(scores, -1, frames * distances)
        skewed = graph.slice(flat, frames - 1, frames - 1 + frames * (distances - 1), 1)
        return graph.slice(graph.reshape(skewed, -1, frames, distances - 1), 0, self.keys, 2)

    def position_keys(self) -> Float32:
        """(heads, position_head, distances): the encoding of distances, projected."""
        if "self_attn_weights.position_keys" in self.weights:
            return self.weights["self_attn_weights.position_keys"]
        project = self.weights["self_attn_weights.linear_pos.weight"]
        encoded = position_encoding(self.frames, self.cached, project.shape[1]) @ project.T
        return encoded.reshape(len(encoded), self.stack.heads, -1).transpose(1, 2, 0)

    def self_attention(self, which: int, value: str, attention: str) -> str:
        """Weighted sum of values of each head."""
        width, graph = self.stack.heads * self.stack.value_head, self.graph
        values = self.behind_cache(f"value{which}", self.read(f"self_attn{which}.in_proj", value), self.cached, width)
        split = graph.reshape(values, self.keys, -1, self.stack.value_head)
        attended = graph.microsoft("FusedMatMul", attention, split, transBatchB=1)
        rows = graph.reshape(graph.op("Transpose", attended, perm=[1, 0, 2]), -1, width)
        return self.write(f"self_attn{which}.out_proj", rows, value)

    def nonlinear_attention(self, value: str, attention: str) -> str:
        """Gated values, weighted as the first head weighs."""
        graph, width = self.graph, 3 * self.width // 4
        gate, gated, after = graph.split(self.read("nonlin_attention.in_proj", value), [width] * 3)
        gated = graph.op("Mul", gated, graph.op("Tanh", gate))
        values = graph.reshape(self.behind_cache("nonlinear", gated, self.cached, width), self.keys, -1, width)
        by_head = graph.reshape(attention, -1, self.stack.heads, self.frames, self.keys)
        first = graph.op("Gather", by_head, graph.constant(0, np.int64), axis=1)
        attended = graph.microsoft("FusedMatMul", first, values, transBatchB=1)
        rows = graph.reshape(graph.op("Transpose", attended, perm=[1, 0, 2]), -1, width)
        return self.write("nonlin_attention.out_proj", graph.op("Mul", rows, after), value)

    def feed_forward(self, which: int, value: str) -> str:
        """Two linear layers with a nonlinearity between."""
        nonlinearity = left(self.kind)
        hidden = nonlinearity.apply(self.graph, self.read(f"feed_forward{which}.in_proj", value, nonlinearity))
        return self.write(f"feed_forward{which}.out_proj", hidden, value, nonlinearity)

    def convolution(self, which: int, value: str) -> str:
        """Gated linear layer, chunk-causal depthwise convolution as a product and a sum, linear layer."""
        graph, name, nonlinearity = self.graph, f"conv_module{which}", right(self.kind)
        gated, gate = graph.split(self.read(f"{name}.in_proj", value), [self.width] * 2)
        gated = graph.op("Mul", gated, graph.op("Sigmoid", gate))
        around = self.behind_cache(f"conv{which}", gated, self.stack.kernel // 2, self.width)
        taps, bias = self.taps(self.weights.within(f"{name}.depthwise_conv"))
        apart = graph.reshape(around, len(taps), 1, -1, self.width)
        product = graph.op("Mul", apart, graph.matrix(taps[:, :, None, :]))
        mixed = graph.op("ReduceSum", product, graph.constant([0], np.int64), keepdims=0)
        mixed = graph.op("Add", mixed, graph.constant((bias - nonlinearity.shift)[:, None]))
        rows = graph.reshape(nonlinearity.apply(graph, mixed), -1, self.width)
        return self.write(f"{name}.out_proj", rows, value, nonlinearity)

    def taps(self, weights: Weights) -> tuple[Float32, Float32]:
        """Causal and chunkwise convolution as one matrix (frames in, T, C), and the bias (T, C).

        The learnt gain at a chunk's edges makes up for the zeros that its convolution sees there.
        """
        causal, causal_bias = weights.linear("causal_conv")
        chunkwise, chunkwise_bias = weights.linear("chunkwise_conv")
        frames, half = self.frames, self.stack.kernel // 2
        edges = weights["edges"] if "edges" in weights else edge_gain(weights["edge_scale"], frames)
        matrix = np.zeros((half + frames, frames, self.width), np.float32)
        for frame in range(frames):
            matrix[frame : frame + half + 1, frame] += causal[:, 0].T
            for other in range(max(0, frame - half), min(frames, frame + half + 1)):
                matrix[half + other, frame] += chunkwise[:, 0, other - frame + half] * edges[:, frame]
        return matrix, causal_bias + chunkwise_bias * edges.T


def edge_gain(scale: Float32, frames: int) -> Float32:
    """Scale (2, C, kernel) of the left and the right edge → gain (C, T)."""
    before, behind = scale
    kernel = before.shape[1]
    if frames < kernel:
        return np.asarray(1.0 + before[:, :frames] + behind[:, kernel - frames :], np.float32)
    missing = frames - kernel
    return np.asarray(1.0 + np.pad(before, ((0, 0), (0, missing))) + np.pad(behind, ((0, 0), (missing, 0))), np.float32)


def position_encoding(queries: int, cached: int, dimension: int) -> Float32:
    """Distances (cached + 2 * queries, dimension), fine near zero and coarse far away (arXiv:2310.11230, appendix).

    Row i is a key cached + queries - 1 - i frames back; the last row lies beyond every key.
    """
    distance = np.arange(cached + queries - 1, -queries - 1, -1, dtype=np.float32)[:, None]
    compression = math.sqrt(dimension)
    squeezed = np.sign(distance) * compression * (np.log(np.abs(distance) + compression) - math.log(compression))
    angle = np.arctan(squeezed * 2.0 * math.pi / dimension)
    frequencies = np.arange(1, dimension // 2 + 1)
    waves = np.stack([np.cos(angle * frequencies), np.sin(angle * frequencies)], axis=-1).reshape(len(distance), -1)
    waves[:, -1] = 1.0
    return waves.astype(np.float32)
