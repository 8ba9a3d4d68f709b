"""How exported networks lie on disk: small enough for a package, and the same numbers in every file."""

from pathlib import Path

import onnx
from onnx import TensorProto, helper, numpy_helper

from training.zipformer.checkpoint import save_atomically
from training.zipformer.model.transducer import Transducer

PACKAGED = "weights.pt"
"""The network for PyTorch, to train further from; it lies beside the ONNX files."""
SMALLEST_HALVED = 64
"""Elements; below that a cast takes more bytes than it saves."""
SMALLEST_SHARED = 256
"""Bytes; below that to say where they lie takes as many."""


def round_weights(model: Transducer, path: Path) -> None:
    """Round a network to float16, in place, and write it so.

    What is exported afterwards has the very numbers of this file, in 2 bytes each. The int8 encoder rounds far more.
    """
    halves = {name: value.half() for name, value in model.state_dict().items()}
    model.load_state_dict(halves)
    save_atomically({"settings": model.settings.to_json(), "model": halves}, path)


def save_beside(model: onnx.ModelProto, other: Path, path: Path) -> None:
    """Write a graph that takes the weights that both have from `other`, beside it: the format's external data.

    Of kwsd-en a graph for another chunk takes 0.3 MB so, in place of 2.4.
    """
    content = other.read_bytes()
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).tobytes()
        place = content.find(values) if len(values) >= SMALLEST_SHARED else -1
        if place >= 0:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in (("location", other.name), ("offset", place), ("length", len(values))):
                tensor.external_data.add(key=key, value=str(value))
    path.write_bytes(model.SerializeToString())


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
