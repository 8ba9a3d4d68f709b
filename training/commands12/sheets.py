"""Reads the log-mel pictures of ../shared/speech_commands/mels: grey JPEG sheets of 2000 tiles and an index."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES

TILE_ROWS = 104  # 98 used: the sheets pad a picture to whole JPEG blocks
TILES_ACROSS = 80
TILES_PER_SHEET = 2000

Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Sheets:
    """Pictures uint8 (n, 98, 40) and, row by row, the word spoken in each and the part of the data it is in."""

    pictures: Pictures
    words: tuple[str, ...]
    splits: tuple[str, ...]


def read_sheet(path: Path) -> Pictures:
    """All tiles of one sheet, uint8 (tiles, 98, 40)."""
    from PIL import Image  # noqa: PLC0415 - needed for training only

    with Image.open(path) as image:
        grey = np.asarray(image)
    rows = grey.reshape(-1, TILE_ROWS, TILES_ACROSS, BANDS)
    return rows.transpose(0, 2, 1, 3).reshape(-1, TILE_ROWS, BANDS)[:, :CLIP_FRAMES]


def read_sheets(folder: Path) -> Sheets:
    """Every picture of the folder, in the order of its index."""
    with (folder / "index.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    sheet = lru_cache(maxsize=None)(lambda number: read_sheet(folder / f"sheet_{number:02d}.jpg"))
    tiles = [divmod(int(row["tile"]), TILES_PER_SHEET) for row in rows]
    return Sheets(
        pictures=np.stack([sheet(number)[place] for number, place in tiles]),
        words=tuple(row["name"].split("/")[0] for row in rows),
        splits=tuple(row["split"] for row in rows),
    )
