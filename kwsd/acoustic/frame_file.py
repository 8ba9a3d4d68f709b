"""Frames kept on disk: a search with other keywords or settings then costs a ninth of hearing the sound again.

The encoder's output depends on sound and weights alone, so frames that are read back give the same detections (float32:
to the last digit). A header of one JSON line, then records of equal size, little-endian, none of them compressed.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kwsd.acoustic.encoder import Encoder
from kwsd.errors import KwsdError
from kwsd.small_files import parse_json
from kwsd.stream import Frames, Kind

FORMAT = "kwsd frames 1"
KINDS: tuple[Kind, ...] = ("heard", "quiet", "failed")
RECORDS_AT_ONCE = 256  # 80 s of sound
HEADER_BYTES = 1024  # at most, the end of the line included

DType = Literal["float32", "float16"]


class FrameFileError(KwsdError):
    """A file of frames cannot be read, or was made by other weights."""


class FrameFile:
    """The frames of one stream, or of several one after the other: where `first` is 0 another begins."""

    def __init__(self, path: Path) -> None:
        """A file that is there.

        Raises:
            FrameFileError: it is not, or it is none of ours.
        """
        self.path = path
        try:
            with path.open("rb") as file:
                line = file.readline(HEADER_BYTES)
            header = parse_json(line)
            self.fingerprint: str = header[FORMAT]
            """Of the weights that gave the frames, `Encoder.fingerprint`."""
            self._record = _record(header["dtype"], header["frames"], header["width"], header["powers"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FrameFileError(f"{path}: not a file of encoder frames ({error!r}); record it again") from error
        self._header_bytes = len(line)

    @staticmethod
    @contextmanager
    def create(
        path: Path, encoder: Encoder, dtype: DType = "float32", *, keeps_part: bool = False
    ) -> Iterator[FrameWriter]:
        """Write a file of the frames that `encoder` gives; it is there, whole, once the block has ended without error.

        float16 takes half the place and gives scores that differ in the third digit. An error leaves nothing behind,
        or with `keeps_part` a file of what had come until then, also on a disk that is full.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with part.open("wb", buffering=0) as file:
            try:
                writer = FrameWriter(file, encoder, dtype)
                yield writer
            except BaseException:
                if not (keeps_part and writer.records):
                    part.unlink()
                    raise
                file.truncate(writer.whole_bytes)
                part.replace(path)
                raise
        part.replace(path)

    def read(self) -> Iterator[Frames]:
        """All frames in the order in which they were written; memory stays flat.

        Raises:
            FrameFileError: the file is cut off.
        """
        with self.path.open("rb") as file:
            file.seek(self._header_bytes)
            while data := file.read(RECORDS_AT_ONCE * self._record.itemsize):
                if len(data) % self._record.itemsize:
                    raise FrameFileError(f"{self.path}: cut off in the middle; record it again")
                for record in np.frombuffer(data, self._record):
                    kind = KINDS[record["kind"]]
                    encoder_out = record["encoder_out"].astype(np.float32)
                    yield Frames(
                        origin_sample=int(record["origin_sample"]),
                        first=int(record["first"]),
                        count=len(encoder_out),
                        kind=kind,
                        encoder_out=encoder_out if kind == "heard" else None,
                        power=record["power"],
                        arrived_sample=int(record["arrived_sample"]),
                    )


class FrameWriter:
    """A file of frames being written; `FrameFile.create` makes one."""

    def __init__(self, file: FileIO, encoder: Encoder, dtype: DType) -> None:
        self._file = file
        self.whole_bytes = 0
        """Of the header and of records, without one that was written in part."""
        self.records = -1
        shape = {"frames": encoder.output_frames, "width": encoder.width, "powers": encoder.segment_frames}
        header = {FORMAT: encoder.fingerprint, "dtype": dtype, **shape}
        self._append(json.dumps(header).encode() + b"\n")
        self._record = np.zeros(1, _record(dtype, **shape))

    def write(self, frames: Frames) -> None:
        """Add the next frames of a stream. Raises OSError: there is no room."""
        record = self._record
        record["origin_sample"], record["first"] = frames.origin_sample, frames.first
        record["arrived_sample"], record["kind"] = frames.arrived_sample, KINDS.index(frames.kind)
        record["power"] = frames.power
        record["encoder_out"] = 0 if frames.encoder_out is None else frames.encoder_out
        self._append(record.tobytes())

    def _append(self, data: bytes) -> None:
        if self._file.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.whole_bytes += len(data)
        self.records += 1


def _record(dtype: str, frames: int, width: int, powers: int) -> np.dtype[Any]:
    """What one Frames is in the file."""
    return np.dtype(
        [
            ("origin_sample", "<i8"),
            ("first", "<i8"),
            ("arrived_sample", "<i8"),
            ("kind", "u1"),
            ("power", "<f4", (powers,)),
            ("encoder_out", np.dtype(dtype).newbyteorder("<"), (frames, width)),
        ]
    )
