"""How exported networks lie on disk: small enough for a package, and the same numbers in every file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from kwsd.models.directory import FLOAT_MATRICES, TAPS
from training.zipformer.checkpoint import save_atomically
from training.zipformer.model.transducer import Transducer

PACKAGED = "weights.pt"
"""The network for PyTorch, to train further from; it lies beside the ONNX files."""
SMALLEST_HALVED = 64
"""Elements; below that a cast takes more bytes than it saves."""
Matrix = NDArray[Any]


def round_weights(model: Transducer, path: Path) -> None:
    """Round a network to float16, in place, and write it so.

    What is exported afterwards has the very numbers of this file, in 2 bytes each. The int8 encoder rounds far more.
    """
    halves = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict(halves)
    save_atomically({"settings": model.settings.to_json(), "model": halves}, path)


def save_compact(graphs: Mapping[Path, onnx.ModelProto], matrices: Path) -> None:
    """Write compact graphs whose int8 matrices lie in one file, each once: `kwsd.acoustic.widen` reads it.

    Of kwsd-en a graph for another chunk takes 0.3 MB so, in place of 2.4.
    """
    known: dict[tuple[bytes, bytes, str], tuple[int, Matrix, Matrix]] = {}
    for path, model in graphs.items():
        _take_out(model, known, path.name + TAPS)
        path.write_bytes(model.SerializeToString())
    _, rounded, scales = zip(*known.values(), strict=True)
    np.savez(
        matrices,
        rounded=np.concatenate([matrix.reshape(-1) for matrix in rounded]),
        scales=np.concatenate(scales),
        shapes=np.array([(matrix.size // matrix.shape[-1], matrix.shape[-1]) for matrix in rounded], np.int32),
        files=np.array([file for _, _, file in known]),
    )


def _take_out(
    model: onnx.ModelProto, known: dict[tuple[bytes, bytes, str], tuple[int, Matrix, Matrix]], taps: str
) -> None:
    """Let the graph find in float32 what it made of int8 and a scale: nothing is left to be folded when it is loaded.

    The matrices of linear layers lie in a file of their own, for onnxruntime packs them when it loads them; of `taps`,
    what convolutions multiply with, it keeps the file mapped.
    """
    graph = model.graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    rounded_of = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    layers = {node.input[1] for node in graph.node if node.op_type == "Gemm"}
    for node in [node for node in graph.node if node.op_type == "Mul" and node.input[0] in rounded_of]:
        rounded, scale = (numpy_helper.to_array(values[name]) for name in (rounded_of[node.input[0]], node.input[1]))
        file = FLOAT_MATRICES if node.output[0] in layers else taps
        end = sum(other.size for (_, _, name), (_, other, _) in known.items() if name == file)
        place, _, _ = known.setdefault((rounded.tobytes(), scale.tobytes(), file), (end, rounded, scale))
        tensor = TensorProto(name=node.output[0], data_type=TensorProto.FLOAT, dims=rounded.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", file), ("offset", 4 * place), ("length", 4 * rounded.size)):
            tensor.external_data.add(key=key, value=str(value))
        graph.initializer.append(tensor)
        graph.node.remove(node)
    for _ in range(2):  # casts that nothing takes any more, and then what they alone took
        taken = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
        for node in [node for node in graph.node if not taken.intersection(node.output)]:
            graph.node.remove(node)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in taken]:
        graph.initializer.remove(tensor)


def describe(path: Path, metadata: dict[str, str]) -> None:
    """Replace the metadata of an ONNX file."""
    model = onnx.load(path)
    helper.set_model_props(model, metadata)
    _write(model, path)


def quantise(source: Path, target: Path) -> None:
    """Store the weights of matrix products as int8; convolutions stay float."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415  (slow to import)

    quantize_dynamic(source, target, op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8)
    describe(target, {entry.key: entry.value for entry in onnx.load(source).metadata_props})


def halve(path: Path) -> None:
    """Store float32 weights as float16; a cast, which the runtime evaluates as it loads, brings float32 back.

    Loses nothing after `round_weights`, but for what the exporter computed from several of them.
    """
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= SMALLEST_HALVED:
            stored = f"{tensor.name}_half"
            casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
            tensor.CopyFrom(numpy_helper.from_array(values.astype("float16"), stored))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _write(model, path)


def shorten_names(path: Path) -> None:
    """Number what happens between inputs and outputs: the exporter's names fill a third of the int8 encoder."""
    model = onnx.load(path)
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    numbers: dict[str, str] = {}

    def short(name: str) -> str:
        return name if not name or name in kept else numbers.setdefault(name, format(len(numbers), "x"))

    for tensor in graph.initializer:
        tensor.name = short(tensor.name)
    for node in graph.node:
        node.name = ""
        node.input[:] = map(short, node.input)
        node.output[:] = map(short, node.output)
    del graph.value_info[:]
    _write(model, path)


def _write(model: onnx.ModelProto, path: Path) -> None:
    onnx.checker.check_model(model)
    onnx.save(model, path)
