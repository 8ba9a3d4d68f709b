"""Reads the weights of a streaming Zipformer2 out of icefall's export, float or int8.

The export keeps the names of biases and convolutions; a matrix is found as what is multiplied before its bias is added,
and what was computed beforehand (edge gains, projected positions, shares of a mean) as the constant at its place.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from kwsd.errors import ModelError
from kwsd.models.compact.weights import EncoderShape, Float32, StackShape, Weights
from kwsd.quick_dataclass import dataclass

BIAS = ".bias"
FRONT = {"encoder_embed.conv.0": "conv.0", "encoder_embed.conv.4": "conv.2", "encoder_embed.conv.7": "conv.4"}
STEPS_BACK = 6
"""Nodes between a matrix product and the sum with its bias: of int8, a cast and two scales."""


@dataclass(frozen=True, slots=True)
class Export:
    """A graph that can be walked both ways."""

    constants: dict[str, Float32]
    makers: dict[str, onnx.NodeProto]
    takers: dict[str, list[onnx.NodeProto]]
    metadata: dict[str, str]
    nodes: list[onnx.NodeProto]


def read_icefall(path: Path) -> tuple[Weights, EncoderShape, dict[str, str]]:
    """The weights, the shape and the metadata of an encoder.

    Raises:
        ModelError: the file is not laid out as icefall's export of a streaming Zipformer2 of known parts.
    """
    try:
        model = onnx.load(path)
        constants = {entry.name: numpy_helper.to_array(entry) for entry in model.graph.initializer}
        makers = {name: node for node in model.graph.node for name in node.output}
        for name, node in makers.items():
            if node.op_type == "Constant":
                constants[name] = numpy_helper.to_array(node.attribute[0].t)
        takers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in model.graph.node:
            for name in node.input:
                takers[name].append(node)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        export = Export(constants, makers, takers, metadata, list(model.graph.node))
        shape = _shape(export)
        return Weights(dict(_arrays(export, shape))), shape, export.metadata
    except (KeyError, ValueError, IndexError, StopIteration, TypeError) as error:
        raise ModelError(f"{path}: not laid out as icefall exports a streaming Zipformer2 ({error!r})") from error


def _shape(export: Export) -> EncoderShape:
    def numbers(name: str) -> list[int]:
        return [int(number) for number in export.metadata[name].split(",")]

    if len(set(numbers("encoder_dims"))) != 1:
        raise ValueError("stacks of different widths")
    left, heads = numbers("left_context_len"), numbers("num_heads")
    positions = [export.constants[name].shape for name in _positions(export)]
    layers = numbers("num_encoder_layers")
    firsts = np.cumsum([0, *layers[:-1]])
    stacks = tuple(
        StackShape(
            layers=layers[place],
            factor=left[0] // left[place],
            heads=heads[place],
            query_head=numbers("query_head_dims")[place],
            value_head=numbers("value_head_dims")[place],
            position_head=positions[firsts[place]][2],
            kernel=numbers("cnn_module_kernels")[place],
        )
        for place in range(len(heads))
    )
    chunk = int(export.metadata["decode_chunk_len"]) // 2
    return EncoderShape(stacks, numbers("encoder_dims")[0], chunk, left[0], "swoosh")


def _positions(export: Export) -> list[str]:
    """Projected position encodings (heads, 1, position_head, L + 2 T - 1) in the order of the layers."""
    wanted = (name for node in export.nodes if node.op_type in {"MatMul", "MatMulInteger"} for name in node.input)
    return [name for name in wanted if name in export.constants and export.constants[name].ndim == 4]  # noqa: PLR2004


def _arrays(export: Export, shape: EncoderShape) -> Iterator[tuple[str, Float32]]:
    for name, value in export.constants.items():
        if name.startswith(("encoder.", "encoder_proj.", "encoder_embed.")):
            yield _ours(name), value
            if name.endswith(BIAS) and name.removesuffix(BIAS) + ".weight" not in export.constants:
                yield from _of_bias(export, name)
    for node in export.nodes:
        if node.op_type == "Conv":
            name = node.input[1].removesuffix(".weight")
            yield _ours(name) + BIAS, export.constants[node.input[2]]
            if name.endswith("chunkwise_conv"):
                gain = next(taker for taker in export.takers[node.output[0]] if taker.op_type == "Mul")
                edges = next(export.constants[value] for value in gain.input if value in export.constants)
                yield _ours(name).removesuffix("chunkwise_conv") + "edges", edges
    places = [(place, layer) for place, stack in enumerate(shape.stacks) for layer in range(stack.layers)]
    for (place, layer), name in zip(places, _positions(export), strict=True):
        keys = _matrix(export, name)[:, 0]
        padded = np.pad(keys, ((0, 0), (0, 0), (0, 1)))  # no key is as far as the last distance
        yield f"encoder.stacks.{place}.layers.{layer}.self_attn_weights.position_keys", padded
    yield from _averagings(export, shape)


def _of_bias(export: Export, name: str) -> Iterator[tuple[str, Float32]]:
    """What belongs to a bias: a linear layer's matrix, or a norm's scale."""
    own = name.removesuffix(BIAS)
    (taker,) = export.takers[name]
    if taker.op_type == "Add":
        other = next(value for value in taker.input if value != name)
        for _ in range(STEPS_BACK):
            maker = export.makers[other]
            if maker.op_type in {"MatMul", "MatMulInteger"}:
                yield _ours(own) + ".weight", _matrix(export, maker.input[1]).T
                return
            other = maker.input[0]
    elif taker.op_type == "Sub":
        value = taker.output[0]
        for _ in range(STEPS_BACK):
            taker = export.takers[value][0]
            scale = [export.constants[each] for each in taker.input if each in export.constants]
            if taker.op_type == "Mul" and scale:
                yield _ours(own) + ".log_scale", np.log(scale[0])
                return
            value = taker.output[0]
    raise ValueError(f"{name}: nothing known belongs to it")


def _matrix(export: Export, name: str) -> Float32:
    """A matrix as numbers, whether it is stored as int8 or not."""
    value = export.constants[name]
    if not name.endswith("_quantized"):
        return value
    own = name.removesuffix("_quantized")
    zero, scale = export.constants[f"{own}_zero_point"], export.constants[f"{own}_scale"]
    return np.asarray((value.astype(np.float32) - zero.astype(np.float32)) * scale, np.float32)


def _averagings(export: Export, shape: EncoderShape) -> Iterator[tuple[str, Float32]]:
    """Shares of the frames in a mean, whose logarithm is as good as the bias that they came from."""
    means = [
        export.constants[name].ravel()
        for node in export.nodes
        if node.op_type == "Mul"
        for name in node.input
        if name in export.constants and export.constants[name].shape[1:] == (1, 1)
    ]
    slow = [place for place, stack in enumerate(shape.stacks) if stack.factor > 1]
    names = [*(f"encoder.stacks.{place}.downsample" for place in slow), "encoder.downsample_output"]
    for name, shares in zip(names, means, strict=True):
        yield f"{name}{BIAS}", np.log(shares)


def _ours(name: str) -> str:
    """Icefall's name of a part → ours."""
    for theirs, own in FRONT.items():
        if name.startswith(theirs + ".") or name == theirs:
            return "encoder.encoder_embed." + own + name.removeprefix(theirs)
    name = name.replace("encoder.encoders.", "encoder.stacks.").replace(".encoder.layers.", ".layers.")
    name = name.replace(".bypass_scale", ".scale").replace("depthwise_conv.chunkwise_conv_scale", "edge_scale")
    return name.replace("encoder_embed.", "encoder.encoder_embed.", 1) if name.startswith("encoder_embed.") else name
