"""What was heard for what was said, of every model that has been evaluated: confusion.csv, beside the models."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from measure.accuracy import Figures
from measure.commands import LABELS

FILE_NAME = "confusion.csv"


def read(folder: Path) -> dict[str, Figures]:
    """By model; empty where none has been evaluated."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    counts: dict[str, list[list[int]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts.setdefault(row["model"], []).append([int(row[label]) for label in LABELS])
    return {name: Figures(np.array(rows)) for name, rows in counts.items()}


def add(folder: Path, model: str, found: Figures) -> None:
    """Put one model in, or in its place."""
    together: Mapping[str, Figures] = read(folder) | {model: found}
    with (folder / FILE_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("model", "said", *LABELS))
        for name, figures in sorted(together.items()):
            writer.writerows((name, said, *row) for said, row in zip(LABELS, figures.confusion.tolist(), strict=True))
