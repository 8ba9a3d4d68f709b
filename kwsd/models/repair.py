"""Mends the `-mobile` exports of the Zipformer encoder. The only importer of onnx (extra `convert`).

Where the encoder halves its frame rate it should pad the frames to an even number. In these exports the number of
frames is fixed, the padding is of length zero, and the exporter turned it into a slice of one frame, so that 17
frames reach a reshape that wants 16. Each such Concat is taken out: its first input goes on alone. No weight changes.
"""

import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kwsd.errors import ModelError
from kwsd.models.install import record_checksums

SPURIOUS = re.compile(r"/downsample\w*/Concat_1")
PADDING = re.compile(r"/downsample\w*/Slice")
DOWNSAMPLINGS = 6  # five of the six stacks, and the output


def repair_directory(source: Path, target: Path) -> tuple[Path, ...]:
    """Copy a model directory, its encoders repaired; returns the new paths of those that needed it.

    Raises:
        ModelError: nothing in `source` needs the repair, `target` has something in it, or onnx is not installed.
    """
    if target.exists() and any(target.iterdir()):
        raise ModelError(f"{target}: is not empty; name a directory that does not exist yet")
    encoders = sorted(path for path in source.glob("encoder*.onnx") if needs_repair(path))
    if not encoders:
        raise ModelError(f"{source}: no encoder*.onnx in it has the fault of the -mobile exports; nothing to repair")
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        if path.is_file() and path not in encoders:
            shutil.copy2(path, target)
    for path in encoders:
        repair_encoder(path, target / path.name)
    record_checksums(target)
    return tuple(target / path.name for path in encoders)


def needs_repair(path: Path) -> bool:
    """Whether this encoder has the fault."""
    return bool(_spurious(_load(path).graph.node))


def repair_encoder(source: Path, target: Path) -> None:
    """Write a repaired encoder.

    Raises:
        ModelError: the file is not an encoder with exactly this fault, or onnx is not installed.
    """
    model = _load(source)
    graph = model.graph
    spurious = _spurious(graph.node)
    if len(spurious) != DOWNSAMPLINGS:
        raise ModelError(f"{source}: has {len(spurious)} padding nodes to take out, not {DOWNSAMPLINGS}; left as it is")
    instead = {node.output[0]: node.input[0] for node in spurious}  # for whoever reads what they give
    for node in spurious:
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]
    # the slices that cut the padding have nobody to read them now
    read = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for node in list(graph.node):
        if node.op_type == "Slice" and PADDING.match(node.name) and not read.intersection(node.output):
            graph.node.remove(node)
    target.write_bytes(model.SerializeToString())


def _load(path: Path) -> Any:
    try:
        import onnx  # noqa: PLC0415 - an extra, needed for nothing else
    except ImportError as error:
        raise ModelError("repairing a model needs the package onnx: pip install 'kwsd[convert]'") from error
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's errors share no public base
        raise ModelError(f"{path}: is not an ONNX file: {error}") from error


def _spurious(nodes: Iterable[Any]) -> list[Any]:
    return [node for node in nodes if node.op_type == "Concat" and SPURIOUS.fullmatch(node.name)]
