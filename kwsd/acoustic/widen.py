"""Matrices that a package stores as int8, as onnxruntime takes them with least memory: float32 in a file of their own.

What a graph says of them it would fold itself, and leave a third of it lying about: 13 MiB of kwsd-en. A file it maps,
packs matrix by matrix, and lets go again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

import numpy as np

from kwsd.errors import ModelError
from kwsd.models.directory import COMPACT, FLOAT_MATRICES, MATRICES, TAPS, read_graph


@contextmanager
def widened(graph: Path, text: bytes | None = None) -> Iterator[Path]:
    """Where a graph can be loaded from as long as the block lasts: beside its matrices, if it has them apart.

    `text` is another graph that is to be laid out in its place.

    Raises:
        ModelError: the matrices cannot be read, or there is no room for them among the temporary files.
    """
    matrices = graph.with_name(MATRICES)
    said = (text or read_graph(graph)) if graph.name.endswith(COMPACT) else b""
    names = [name for name in (FLOAT_MATRICES, graph.name + TAPS) if name.encode() in said]
    if not names and text is None:
        yield graph
        return
    if names and not matrices.is_file():
        raise ModelError(f"{matrices}: no such file; `kwsctl models verify {graph.parent}` lists what is missing")
    try:
        folder = TemporaryDirectory(prefix="kwsd-")
    except OSError as error:
        raise ModelError(f"temporary files cannot be written ({error.strerror}); set TMPDIR to a directory") from error
    with folder as name:
        place = Path(name)
        try:
            (place / graph.name).write_bytes(said)
            with ExitStack() as opened:
                files = {name: opened.enter_context((place / name).open("wb")) for name in names}
                for part, matrix in float_matrices(matrices, names) if names else ():
                    files[part].write(matrix)
        except OSError as error:
            raise ModelError(
                f"{graph}: cannot be laid out in {place.parent}: {os.strerror(error.errno or 0)}; "
                "set TMPDIR to a directory with 20 MB of room"
            ) from error
        yield place / graph.name


def float_matrices(matrices: Path, files: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Those that lie in one of the `files`, which, and their bytes: none but the one at hand is in memory.

    Raises:
        ModelError: they cannot be read.
    """
    try:
        with matrices.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            rounded, scales, shapes = (stored[name] for name in ("rounded", "scales", "shapes"))
            names = stored["files"].tolist() if "files" in stored else [FLOAT_MATRICES] * len(shapes)
        sizes, widths = shapes.prod(axis=1), shapes[:, 1]
        parts = np.split(rounded, sizes.cumsum()[:-1]), np.split(scales, widths.cumsum()[:-1]), shapes
        for name, part, scale, shape in zip(names, *parts, strict=True):
            if name in files:
                yield name, (part.reshape(shape).astype(np.float32) * scale).tobytes()
    except (OSError, ValueError, KeyError, IndexError, BadZipFile) as error:
        raise ModelError(f"{matrices}: cannot be read ({error}); fetch the model again") from error
