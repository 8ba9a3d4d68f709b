"""The matrices of a compact graph by kind, and the same graph with some kinds of them multiplied in int8.

A kind is all matrices of a size: what one costs depends on that, and on the processor. The weights are what they were,
for they are stored as int8 with a scale for each column. What is multiplied with them is rounded by onnxruntime's
MatMulNBits with a scale for every 32 numbers of a row, and a row belongs to one stream: no stream coarsens another.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kwsd.acoustic.compact import CompactCaches
from kwsd.acoustic.session import make_session
from kwsd.errors import ModelError
from kwsd.models import onnx_fields as onnx
from kwsd.models.directory import FLOAT_MATRICES, MATRICES, read_graph
from kwsd.models.onnx_fields import OnnxNode, field
from kwsd.stream import Float32
from kwsd.timebase import SUBSAMPLING

BLOCK = 32
SMALL = 4096
"""Numbers of a matrix below which it belongs to no kind."""
ROUNDS = 25


class Product(NamedTuple):
    """Rows times a stored matrix, and something added."""

    inputs: list[str]
    output: str
    rounded: Any
    """(in, out), int8 …"""
    scale: Float32
    """… times (out,)."""
    adds_constant: bool

    @property
    def kind(self) -> str:
        """As `96x192`."""
        return "{}x{}".format(*self.rounded.shape)


class KindTimes(NamedTuple):
    """What all products of a kind take in a call of one stream, in milliseconds."""

    products: int
    float_ms: float
    int8_ms: float


class CompactFile:
    """A compact graph as it is stored, node by node."""

    def __init__(self, path: Path) -> None:
        """Raises ModelError: it cannot be read."""
        self.path = path
        try:
            self._around = [entry for entry in onnx.fields(read_graph(path)) if entry[0] != onnx.GRAPH]
            (graph,) = onnx.values(read_graph(path), onnx.GRAPH)
            parts = defaultdict[int, list[Any]](list)
            for number, value in onnx.fields(graph):
                parts[number].append(value)
            self._nodes = [onnx.read_node(each) for each in parts.pop(onnx.NODE)]
            self._tensors = {onnx.values(each, onnx.NAME)[0].decode(): each for each in parts.pop(onnx.INITIALIZER)}
            self._inputs, self._outputs = parts.pop(onnx.INPUT), parts.pop(onnx.OUTPUT)
            self._rest = [(number, value) for number, part in parts.items() for value in part]
            self._makers = {name: each for each in self._nodes for name in each.outputs}
        except (ValueError, IndexError, KeyError) as error:
            raise ModelError(f"{path}: is no compact graph ({error})") from error

    @cached_property
    def products(self) -> dict[int, Product]:
        """By the number of their node."""
        found = {}
        for number, node in enumerate(self._nodes):
            if node.operator == "Gemm" and not node.has_attributes:
                stored = self.stored(node.inputs[1])
                if stored is not None and stored[0].size >= SMALL:
                    found[number] = Product(node.inputs, node.outputs[0], *stored, node.inputs[2] in self._tensors)
        return found

    @cached_property
    def kinds(self) -> dict[str, list[Product]]:
        """Products of each."""
        found = defaultdict[str, list[Product]](list)
        for product in self.products.values():
            found[product.kind].append(product)
        return dict(found)

    def with_int8(self, kinds: Iterable[str]) -> bytes:
        """The graph with products of these kinds in int8."""
        nodes, tensors, chosen = list[OnnxNode](), dict[str, bytes](), set(kinds)
        for number, node in enumerate(self._nodes):
            product = self.products.get(number)
            if product is None or product.kind not in chosen:
                nodes.append(node)
                continue
            made, own = as_int8(product, product.inputs, product.output, str(number))
            nodes += made
            tensors |= own
        return self._written(nodes, tensors, self._inputs, self._outputs)

    def with_outputs(self, names: Iterable[str]) -> bytes:
        """The graph that tells these values as well."""
        there = {onnx.values(each, 1)[0].decode() for each in self._outputs}
        more = [onnx.float_value(name) for name in names if name not in there]
        return self._written(self._nodes, {}, self._inputs, [*self._outputs, *more])

    def excerpt(self, kind: str, *, int8: bool) -> bytes:
        """A graph of the products of a kind alone: `rows0`, `rows1`, … and `added0`, … go in."""
        nodes, tensors, inputs, outputs = list[OnnxNode](), dict[str, bytes](), list[bytes](), list[bytes]()
        for number, product in enumerate(self.kinds[kind]):
            rows, added = f"rows{number}", product.inputs[2] if product.adds_constant else f"added{number}"
            if int8:
                made, own = as_int8(product, [rows, "", added], f"out{number}", str(number))
            else:
                matrix = (product.rounded * product.scale).tobytes()
                made = [onnx.node("Gemm", [rows, f"matrix{number}", added], f"out{number}")]
                own = {f"matrix{number}": onnx.tensor(f"matrix{number}", onnx.FLOAT, product.rounded.shape, matrix)}
            nodes += made
            tensors |= own
            inputs += [onnx.float_value(name) for name in (rows, added) if name not in self._tensors]
            outputs.append(onnx.float_value(f"out{number}"))
        return self._written(nodes, tensors, inputs, outputs)

    def _written(
        self, nodes: Sequence[OnnxNode], tensors: dict[str, bytes], inputs: Sequence[bytes], outputs: Sequence[bytes]
    ) -> bytes:
        """A model with what is needed of the constants that are there."""
        told = {onnx.values(each, 1)[0].decode() for each in outputs}
        for _ in range(2):  # a product of a cast, whose matrix nobody takes any more, and then the cast
            taken = told.union(*(node.inputs for node in nodes))
            nodes = [node for node in nodes if not taken.isdisjoint(node.outputs)]
        taken = told.union(*(node.inputs for node in nodes))
        parts = [(onnx.NODE, node.written) for node in nodes]
        parts += [(onnx.INITIALIZER, each) for name, each in (self._tensors | tensors).items() if name in taken]
        parts += [*((onnx.INPUT, each) for each in inputs), *((onnx.OUTPUT, each) for each in outputs), *self._rest]
        graph = b"".join(field(number, value) for number, value in parts)
        return b"".join(field(number, value) for number, value in [*self._around, (onnx.GRAPH, graph)])

    @cached_property
    def package_matrices(self) -> dict[int, tuple[Any, Float32]]:
        """Matrices that lie in the package's file of them, by the place that they have there in float32."""
        with np.load(self.path.with_name(MATRICES), allow_pickle=False) as file:
            rounded, scales, shapes = (file[name] for name in ("rounded", "scales", "shapes"))
            names = file["files"].tolist() if "files" in file else [FLOAT_MATRICES] * len(shapes)
        stored, place = {}, 0
        ends = zip(shapes.prod(axis=1).cumsum().tolist(), shapes[:, 1].cumsum().tolist(), strict=True)
        for name, (rows, columns), (end, width) in zip(names, shapes.tolist(), ends, strict=True):
            if name == FLOAT_MATRICES:
                matrix = rounded[end - rows * columns : end].reshape(rows, columns)
                stored[place] = matrix, scales[width - columns : width]
                place += 4 * matrix.size
        return stored

    def stored(self, name: str) -> tuple[Any, Float32] | None:
        """A matrix as it is stored: apart, or as a cast of int8 that is multiplied with a scale."""
        if name in self._tensors:
            told = {}
            for entry in onnx.values(self._tensors[name], onnx.EXTERNAL):
                told[bytes(onnx.values(entry, 1)[0])] = onnx.values(entry, 2)[0]
            return (
                self.package_matrices[int(told[b"offset"])]
                if told.get(b"location") == FLOAT_MATRICES.encode()
                else None
            )
        product = self._makers.get(name)
        if product is None or product.operator != "Mul" or product.inputs[1] not in self._tensors:
            return None
        cast = self._makers.get(product.inputs[0])
        if cast is None or cast.operator != "Cast" or cast.inputs[0] not in self._tensors:
            return None
        rounded, scale = (onnx.values(self._tensors[each], onnx.RAW)[0] for each in (cast.inputs[0], product.inputs[1]))
        scales = np.frombuffer(scale, np.float32)
        return np.frombuffer(rounded, np.int8).reshape(-1, len(scales)), scales


def as_int8(product: Product, inputs: Sequence[str], output: str, name: str) -> tuple[list[OnnxNode], dict[str, bytes]]:
    """Nodes that do the same with rows of int8, and their constants: (out, blocks, 32) and a scale for each block."""
    rows, columns = product.rounded.shape
    blocks = -(-rows // BLOCK)
    padded = np.full((blocks * BLOCK, columns), 128, np.uint8)
    padded[:rows] = product.rounded.view(np.uint8) ^ 128
    matrix, scale, summed = f"int8_{name}", f"scale_{name}", f"sum_{name}"
    constants = {
        matrix: onnx.tensor(matrix, onnx.UINT8, (columns, blocks, BLOCK), padded.T.tobytes()),
        scale: onnx.tensor(scale, onnx.FLOAT, (columns * blocks,), np.repeat(product.scale, blocks).tobytes()),
    }
    own = [inputs[0], matrix, scale, *(["", "", inputs[2]] if product.adds_constant else [])]
    target = output if product.adds_constant else summed
    sizes = {"K": rows, "N": columns, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
    nodes = [onnx.node("MatMulNBits", own, target, "com.microsoft", **sizes)]
    if not product.adds_constant:
        nodes.append(onnx.node("Add", [summed, inputs[2]], output))
    return nodes, constants


def kind_times(path: Path) -> dict[str, KindTimes]:
    """What each kind of a compact graph takes on this machine: processor time, the least of many calls in alternation.

    The rows are what a segment of noise makes of them in the graph itself.

    Raises:
        ModelError: the graph cannot be read, or does not run.
    """
    file = CompactFile(path)
    session = make_session(path, file.with_outputs(told := sorted(needed(file.products.values()))))
    metadata, (segment, *others) = session.get_modelmeta().custom_metadata_map, session.get_inputs()
    heads = [int(number) for number in metadata["heads"].split(",")]
    caches = CompactCaches(others, heads, int(metadata["decode_chunk_len"]) // SUBSAMPLING)
    noise = np.random.default_rng(0).normal(-8.0, 2.0, (1, *segment.shape[1:])).astype(np.float32)
    values = dict(zip(told, session.run(told, {"x": noise} | caches.feeds([caches.initial()])), strict=True))
    found = {}
    for kind, products in file.kinds.items():
        feeds = {f"rows{number}": values[product.inputs[0]] for number, product in enumerate(products)}
        feeds |= {f"added{n}": values[each.inputs[2]] for n, each in enumerate(products) if not each.adds_constant}
        times: list[list[float]] = [[], []]
        try:
            sessions = [make_session(path, file.excerpt(kind, int8=int8)) for int8 in (False, True)]
            for _ in range(ROUNDS):
                for taken_ms, each in zip(times, sessions, strict=True):
                    began_s = time.thread_time()
                    each.run(None, feeds)
                    taken_ms.append(1000 * (time.thread_time() - began_s))
            least_ms = [min(each) for each in times]
        except Exception:  # noqa: BLE001 - onnxruntime's own: before 1.23 it has no int8 for arm64
            least_ms = [0.0, float("inf")]
        found[kind] = KindTimes(len(products), *least_ms)
    return found


def needed(products: Iterable[Product]) -> set[str]:
    """What is computed before them."""
    own = {each.inputs[0] for each in products}
    return own | {each.inputs[2] for each in products if not each.adds_constant}
