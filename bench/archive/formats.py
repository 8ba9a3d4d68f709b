"""What else could keep frames: place and time of reading of the store's own pieces, FrameFile, Parquet and Zarr.

Parquet and Zarr are given the coordinates that the store has, and nothing of what else a piece tells; `npz, coordinates
alone` is the store's own form of that. FrameFile tells all, and is not turned to its axes.
"""

import importlib
import importlib.util
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from kwsd.acoustic.frame_file import FrameFile
from kwsd.acoustic.model import Model
from kwsd.archive.packing import Arrays, pack
from kwsd.archive.store import BLOCK_SEGMENTS, Store, read_frames, read_spans
from kwsd.stream import Frames

TIMES = 5


@dataclass(frozen=True, slots=True)
class Form:
    """Of the frames of a store."""

    name: str
    kept_bytes: int
    read_core_s: float
    """Until they are float32 as the search takes them; the least of some times."""


def compare(store: Store, model: Model, folder: Path) -> Iterator[Form]:
    """Every form that can be had here; Zarr where it is installed, which kwsd never asks for."""
    pieces = store.pieces()
    frames = [made.frames for piece in pieces for made in read_frames(piece, read_spans(piece)) if made.frames]
    packed = [
        pack([(0, each) for each in frames[at : at + BLOCK_SEGMENTS]]) for at in range(0, len(frames), BLOCK_SEGMENTS)
    ]
    steps = [each["high"].astype(np.int16) << 8 | each["low"] for each in packed]

    yield Form("npz, as pieces are", sum(map(size, pieces)), seconds(partial(read_pieces, pieces)))
    for dtype in ("float32", "float16"):
        path = write_frame_file(folder / dtype, model, frames, dtype)
        yield Form(f"FrameFile, {dtype}", size(path), seconds(partial(read_frame_file, path)))
    paths = [write_npz(folder / f"npz-{number}", block) for number, block in enumerate(steps)]
    own = seconds(partial(read_values, read_npz, paths, packed))
    yield Form("npz, coordinates alone", sum(map(size, paths)), own)
    for name, options in PARQUET.items():
        paths = [write_parquet(folder / f"{name}-{number}", block, options) for number, block in enumerate(steps)]
        read = seconds(partial(read_values, read_parquet, paths, packed))
        yield Form(f"Parquet, {name}", sum(map(size, paths)), read)
    if importlib.util.find_spec("zarr") is not None:
        zarr: Any = importlib.import_module("zarr")
        for name in ("bitshuffle", "shuffle"):
            arrays = [
                zarr.create_array(
                    store=str(folder / f"zarr-{name}-{number}"),
                    data=block,
                    chunks=block.shape,
                    compressors=zarr.codecs.BloscCodec(cname="zstd", clevel=5, shuffle=name),
                )
                for number, block in enumerate(steps)
            ]
            kept = sum(size(path) for path in folder.glob(f"zarr-{name}-*/**/*") if path.is_file())
            read = seconds(partial(read_values, np.asarray, arrays, packed))
            yield Form(f"Zarr {zarr.__version__}, Blosc with zstd, {name}", kept, read)


def write_npz(path: Path, steps: NDArray[np.int16]) -> Path:
    """Low bytes as they are, high bytes deflated."""
    with zipfile.ZipFile(path, "w", compresslevel=1) as file:
        for name, plane, how in (
            ("low", (steps & 0xFF).astype(np.uint8), zipfile.ZIP_STORED),
            ("high", (steps >> 8).astype(np.int8), zipfile.ZIP_DEFLATED),
        ):
            member = zipfile.ZipInfo(f"{name}.npy")
            member.compress_type = how
            with file.open(member, "w") as out:
                np.lib.format.write_array(out, plane, allow_pickle=False)
    return path


def read_npz(path: Path) -> NDArray[np.int16]:
    """What was written."""
    with np.load(path) as file:
        steps: NDArray[np.int16] = file["high"].astype(np.int16) << 8 | file["low"]
    return steps


def read_values(read: Callable[[Any], NDArray[np.int16]], kept: Sequence[Any], packed: Sequence[Arrays]) -> None:
    """Coordinates of all blocks, and out of them what the encoder gave."""
    for block, each in zip(map(read, kept), packed, strict=True):
        _ = (block.T.astype(np.float32) * each["step"]) @ each["basis"].astype(np.float32) + each["mean"]


def read_pieces(pieces: Sequence[Path]) -> None:
    """All frames of a store."""
    for piece in pieces:
        for _ in read_frames(piece, read_spans(piece)):
            pass


def read_frame_file(path: Path) -> None:
    """Likewise."""
    for _ in FrameFile(path).read():
        pass


PARQUET: dict[str, dict[str, Any]] = {
    "zstd": {"use_dictionary": True},
    "zstd over split bytes": {"use_dictionary": False, "use_byte_stream_split": True},
}


def write_parquet(path: Path, steps: NDArray[np.int16], options: dict[str, Any]) -> Path:
    """A column for each coordinate."""
    columns = {f"c{number}": pa.array(row.astype(np.int32)) for number, row in enumerate(steps)}
    pq.write_table(pa.table(columns), path, compression="zstd", **options)
    return path


def read_parquet(path: Path) -> NDArray[np.int16]:
    """What was written."""
    table = pq.read_table(path, use_threads=False)
    return np.stack([column.to_numpy() for column in table.columns]).astype(np.int16)


def write_frame_file(path: Path, model: Model, frames: Sequence[Frames], dtype: Any) -> Path:
    """All frames one behind the other."""
    with FrameFile.create(path, model.encoder, dtype) as writer:
        for each in frames:
            writer.write(each)
    return path


def seconds(task: Callable[[], object]) -> float:
    """Processor time of a call, the least of some."""

    def once() -> float:
        began_s = time.process_time()
        task()
        return time.process_time() - began_s

    return min(once() for _ in range(TIMES))


def size(path: Path) -> int:
    """Bytes."""
    return path.stat().st_size
