"""Weights and operators of an ONNX file, as far as a network that is computed here needs them.

The wire format of protocol buffers, by the field numbers of onnx.proto: a package that reads it takes more memory than
is saved by doing without onnxruntime.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.commands12.frontend import FloatArray
from kwsd.models.directory import read_graph
from kwsd.quick_dataclass import dataclass

GRAPH = 7  # of a ModelProto
NODES, INITIALIZERS = 1, 5  # of a GraphProto
OPERATOR = 4  # of a NodeProto
DIMENSIONS, TYPE, NAME, CONTENT = 1, 2, 8, 9  # of a TensorProto
FLOAT32 = [1]
VARINT, COUNTED = 0, 2  # kinds of fields
MORE = 0x80  # of a number that does not end with this byte
FIXED_BYTES = {1: 8, 5: 4}


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """What is in a file."""

    operators: tuple[str, ...]
    """Of the nodes, in their order."""
    weights: Mapping[str, FloatArray]
    """float32 initializers by name."""


def read_onnx(path: Path) -> OnnxGraph:
    """Read a file.

    Raises:
        ModelError: it cannot be read.
        ValueError, KeyError, TypeError, IndexError: it is no such file, or one that is cut short.
    """
    (content,) = fields(memoryview(read_graph(path)))[GRAPH]
    graph = fields(content)
    tensors = [fields(each) for each in graph[INITIALIZERS]]
    return OnnxGraph(
        operators=tuple(str(name, "utf-8") for node in graph[NODES] for name in fields(node)[OPERATOR]),
        weights={
            str(each[NAME][0], "utf-8"): np.frombuffer(each[CONTENT][0], "<f4").reshape(each[DIMENSIONS])
            for each in tensors
            if each[TYPE] == FLOAT32 and each[NAME] and each[CONTENT]
        },
    )


def fields(message: memoryview) -> Mapping[int, list[Any]]:
    """Values by field number: numbers, or views of what is counted. Raises ValueError, TypeError: it is no message."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        number, kind = divmod(key, 8)
        if kind == VARINT:
            value, place = varint(message, place)
            found[number].append(value)
            continue
        size = FIXED_BYTES.get(kind, 0)
        if kind == COUNTED:
            size, place = varint(message, place)
        elif not size:
            raise ValueError(f"a field of kind {kind}")
        if place + size > len(message):
            raise ValueError("cut short")
        found[number].append(message[place : place + size])
        place += size
    return found


def varint(message: memoryview, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place behind it. Raises ValueError: it has no end."""
    value = 0
    for shift, byte in enumerate(message[place : place + 10]):
        value |= (byte & ~MORE) << 7 * shift
        if not byte & MORE:
            return value, place + shift + 1
    raise ValueError("cut short")
