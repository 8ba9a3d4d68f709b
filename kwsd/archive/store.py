"""The store: a folder for each set of weights, in it a file for each piece of work, there whole or not at all.

A piece is an npz, so NumPy alone reads it: blocks of packed frames as they were made, spans mixed, and `spans.json`,
which tells whose they are. What is done is what pieces tell; there is no other list that could disagree.
"""

from __future__ import annotations

import json
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from socket import gethostname
from typing import Any
from uuid import uuid4

import numpy as np

from kwsd.archive.encode import Made
from kwsd.archive.packing import pack, unpack
from kwsd.archive.spans import ArchivedFile, FileSpan
from kwsd.errors import KwsdError
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_json
from kwsd.stream import Frames

BLOCK_SEGMENTS = 2048  # 11 min: a basis is 1 % of it
SPANS = "spans.json"
SUFFIX, PART = ".npz", ".part"
LEFT_BEHIND_S = 3600.0  # a piece takes minutes


class StoreError(KwsdError):
    """The store cannot be written, or a piece of it cannot be read."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A span in a piece."""

    span: FileSpan
    segments: int
    """Frames of it, the search's run-in with them, in calls of the encoder."""
    heard_samples: int
    notes: tuple[str, ...] = ()
    """What reading its recording was warned of."""
    made_s: float = 0.0
    """When, by the clock of its worker: of a recording that was changed its newest version counts."""


class Store:
    """The part of a store that one encoder's frames are in."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """It need not be there."""
        self.folder = folder / fingerprint

    def make(self) -> None:
        """Make its folder, and take away what runs that were killed have left half. Raises StoreError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for part in self.folder.rglob(f"*{PART}"):
                with suppress(FileNotFoundError):  # another run has given it its name meanwhile
                    if part.stat().st_mtime < time.time() - LEFT_BEHIND_S:
                        part.unlink()
        except OSError as error:
            raise StoreError(f"{self.folder}: cannot be made: {error.strerror}; give another with --store") from error

    def pieces(self) -> list[Path]:
        """Files of pieces that are there."""
        return sorted(self.folder.glob(f"*{SUFFIX}"))

    def write(
        self, spans: Sequence[FileSpan], made: Iterable[Made], about: Callable[[str], tuple[str, ...]]
    ) -> tuple[list[Kept], list[Made]]:
        """Keep what is made of a piece → its spans, and those that failed; `about` has notes. Raises StoreError."""
        name = sha256("\n".join(map(str, sorted(span.key for span in spans))).encode()).hexdigest()[:16]
        part = self.folder / f"{name}-{uuid4().hex}{PART}"  # one that is killed may write on for a while
        try:
            with part.open("wb") as beneath:
                with zipfile.ZipFile(beneath, "w", compresslevel=1) as file:
                    kept, failed = _write(file, spans, made, about)
                beneath.flush()
                # a power cut may leave an empty file else, under a name that says it is whole
                os.fsync(beneath.fileno())
            if kept:
                part.replace(self.folder / f"{name}{SUFFIX}")
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.folder} is not there for the worker on {gethostname()}: the store must lie at one path for all"
            ) from error
        except OSError as error:
            raise StoreError(f"{part}: cannot be written: {error.strerror or error}") from error
        finally:
            part.unlink(missing_ok=True)
        return kept, failed


def _write(
    file: zipfile.ZipFile, spans: Sequence[FileSpan], made: Iterable[Made], about: Callable[[str], tuple[str, ...]]
) -> tuple[list[Kept], list[Made]]:
    rows: list[tuple[int, Frames]] = []
    segments = [0] * len(spans)
    blocks, kept, failed = 0, [], []
    for each in made:
        if each.frames is not None:
            rows.append((each.span, each.frames))
            segments[each.span] += 1
        elif each.error is not None:
            failed.append(each)
        else:
            kept.append((each.span, each.heard_samples))
        if len(rows) == BLOCK_SEGMENTS:
            _write_block(file, blocks, rows)
            blocks, rows = blocks + 1, []
    if rows:
        _write_block(file, blocks, rows)
    now_s = time.time()
    told = [
        Kept(spans[place], segments[place], heard, about(spans[place].recording.uri), now_s) for place, heard in kept
    ]
    listed = {place: asdict(each) for (place, _), each in zip(kept, told, strict=True)}
    file.writestr(SPANS, json.dumps(listed), zipfile.ZIP_DEFLATED)
    return told, failed


def _write_block(file: zipfile.ZipFile, number: int, rows: Sequence[tuple[int, Frames]]) -> None:
    for name, array in pack(rows).items():
        member = zipfile.ZipInfo(f"{number:05}-{name}.npy")
        member.compress_type = zipfile.ZIP_STORED if name == "low" else zipfile.ZIP_DEFLATED
        with file.open(member, "w") as out:
            np.lib.format.write_array(out, array, allow_pickle=False)


def read_spans(piece: Path) -> dict[int, Kept]:
    """Which spans are in a piece, by their place. Raises StoreError."""
    try:
        with zipfile.ZipFile(piece) as file:
            listed: dict[str, Any] = parse_json(file.read(SPANS))
        return {
            int(place): Kept(
                FileSpan(
                    ArchivedFile(**each["span"]["recording"]), each["span"]["start_sample"], each["span"]["end_sample"]
                ),
                each["segments"],
                each["heard_samples"],
                tuple(each["notes"]),
                each.get("made_s") or piece.stat().st_mtime,  # as it was told before it was noted
            )
            for place, each in listed.items()
        }
    except Exception as error:  # at wrong bits zipfile, its decompressors and NumPy raise nearly anything
        raise StoreError(f"{piece}: is damaged ({error}); delete it and index again") from error


def read_frames(piece: Path, kept: dict[int, Kept]) -> Iterator[Made]:
    """Frames of all spans of a piece as they were made, and the end of each. Raises StoreError."""
    left = {place: each.segments for place, each in kept.items()}
    try:
        with zipfile.ZipFile(piece) as file:
            blocks = sorted({name.partition("-")[0] for name in file.namelist() if name != SPANS})
            for block in blocks:
                names = [name for name in file.namelist() if name.startswith(f"{block}-")]
                for made in unpack({name[6:-4]: _array(file, name) for name in names}):
                    if made.span in left:
                        yield made
                        left[made.span] -= 1
                        if not left[made.span]:
                            yield Made(made.span)
    except Exception as error:  # as above
        raise StoreError(f"{piece}: is damaged ({error}); delete it and index again") from error


def _array(file: zipfile.ZipFile, name: str) -> Any:
    with file.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
