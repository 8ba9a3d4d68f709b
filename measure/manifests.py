"""Tab-separated tables with a header line, as the shared manifests and the stream labels are."""

import csv
from collections.abc import Sequence
from pathlib import Path

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """Rows in file order; quotes are ordinary characters."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Header and rows, one line each."""
    lines = ["\t".join(header), *("\t".join(str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
