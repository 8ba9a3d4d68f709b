"""Accuracies of the fixed words that are stated with their models: models/commands12/figures.csv."""

import csv
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

FILE_NAME = "figures.csv"
CLEAN = "none"
HEADER = ("model", "noise", "snr_db", "clips", "accuracy")


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """What is measured: two cells that are equal can be compared."""

    model: str
    noise: str
    """CLEAN, or one of the noise grid's."""
    snr_db: int
    """0 where there is no noise."""
    clips: int


def read(folder: Path) -> dict[Cell, float]:
    """Accuracy (0 to 1) by cell; empty where nothing is stated."""
    path = folder / FILE_NAME
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {
            Cell(row["model"], row["noise"], int(row["snr_db"]), int(row["clips"])): float(row["accuracy"])
            for row in csv.DictReader(file)
        }


def write(folder: Path, stated: Mapping[Cell, float]) -> None:
    """All of them, in order."""
    with (folder / FILE_NAME).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((*astuple(cell), f"{stated[cell]:.4f}") for cell in sorted(stated))
