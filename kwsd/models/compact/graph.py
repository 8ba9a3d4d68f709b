"""Writes an ONNX graph node by node. Constants are told apart by value, so equal ones are stored once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

STREAMS = "N"
"""The free axis: how many streams one call hears."""
OPSET, MICROSOFT, IR_VERSION = 17, "com.microsoft", 8
SMALL = 4096
"""Constants of fewer values are stored as they are."""


class Graph:
    """A graph being written; a value is known by its name."""

    def __init__(self, *, shorten: bool) -> None:
        """`shorten` stores matrices in a quarter of the place, see `matrix`."""
        self._shorten = shorten
        self.nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[bytes, tuple[int, ...], str], str] = {}
        self._initializers: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[tuple[str, str, tuple[int | str, ...]]] = []

    def op(self, kind: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any) -> Any:
        """Add a node; the name of its output, or a list of names where there are several."""
        names = [f"v{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def microsoft(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node of onnxruntime's own."""
        return str(self.op(kind, *inputs, domain=MICROSOFT, **attributes))

    def constant(self, value: ArrayLike, dtype: Any = np.float32) -> str:
        """The name of a constant."""
        array = np.array(value, dtype, order="C")
        key = (array.tobytes(), array.shape, array.dtype.str)
        if key not in self._constants:
            self._constants[key] = f"c{len(self._constants)}"
            self._initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def matrix(self, value: NDArray[np.float32]) -> str:
        """A weight (in, out), kept as int8 with a scale for each output where that is much shorter.

        Cast and product are folded when the graph is loaded, so what runs is float32: quantised activations would let
        a loud stream coarsen the others of a call.
        """
        if not self._shorten or value.size < SMALL:
            return self.constant(value)
        scale = np.abs(value).max(axis=tuple(range(value.ndim - 1))).clip(min=1e-12) / 127.0
        rounded = np.rint(value / scale).astype(np.int8)
        plain = self.op("Cast", self.constant(rounded, np.int8), to=TensorProto.FLOAT)
        return str(self.op("Mul", plain, self.constant(scale)))

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare an input."""
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)))
        return name

    def output(self, name: str, value: str, shape: Sequence[int | str], *, first: bool = False) -> None:
        """Declare a value to be an output; `first` puts it before those that are there."""
        self._outputs.insert(0 if first else len(self._outputs), (name, value, tuple(shape)))

    def reshape(self, value: str, *shape: int) -> str:
        """At most one of the shape may be -1: what is left, the streams included."""
        return str(self.op("Reshape", value, self.constant(shape, np.int64)))

    def slice(self, value: str, start: int, stop: int, axis: int) -> str:
        """A part along one axis."""
        ends = (self.constant([number], np.int64) for number in (start, stop, axis))
        return str(self.op("Slice", value, *ends))

    def split(self, value: str, sizes: Sequence[int]) -> list[str]:
        """Parts along the last of two axes."""
        return list(self.op("Split", value, self.constant(sizes, np.int64), outputs=len(sizes), axis=1))

    def model(self, metadata: dict[str, str]) -> onnx.ModelProto:
        """The finished graph."""
        names = {value: name for name, value, _ in self._outputs}
        for node in self.nodes:
            node.input[:] = [names.get(value, value) for value in node.input]
            node.output[:] = [names.get(value, value) for value in node.output]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name, _, shape in self._outputs
        ]
        graph = helper.make_graph(self.nodes, "encoder", self._inputs, outputs, self._initializers)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="kwsd")
        helper.set_model_props(model, metadata)
        return model
