"""Weights and operators of an ONNX file, as far as a network that is computed here needs them.

A package that reads protocol buffers takes more memory than is saved by doing without onnxruntime.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.commands12.frontend import FloatArray
from kwsd.models.directory import read_graph
from kwsd.models.onnx_fields import DIMENSION, FLOAT, GRAPH, INITIALIZER, NAME, NODE, OPERATOR, RAW, TYPE, fields
from kwsd.quick_dataclass import dataclass


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
    (content,) = grouped(memoryview(read_graph(path)))[GRAPH]
    graph = grouped(content)
    tensors = [grouped(each) for each in graph[INITIALIZER]]
    return OnnxGraph(
        operators=tuple(str(name, "utf-8") for node in graph[NODE] for name in grouped(node)[OPERATOR]),
        weights={
            str(each[NAME][0], "utf-8"): np.frombuffer(each[RAW][0], "<f4").reshape(each[DIMENSION])
            for each in tensors
            if each[TYPE] == [FLOAT] and each[NAME] and each[RAW]
        },
    )


def grouped(message: memoryview) -> Mapping[int, list[Any]]:
    """Values by field number: numbers, or views of what is counted. Raises ValueError, TypeError: it is no message."""
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for number, value in fields(message):
        found[number].append(value)
    return found
