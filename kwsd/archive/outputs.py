"""Hits as a file: JSON lines, CSV or Parquet, by its suffix; whole or not at all. The only importer of pyarrow."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kwsd.errors import FlagError
from kwsd.small_files import written_whole

Row = dict[str, Any]
"""`recording`, and the fields of a Detection."""
FLAT = ("recording", "keyword", "phrase", "start", "end", "score", "min_score", "threshold", "tokens", "timestamps")
SUFFIXES = (".jsonl", ".csv", ".parquet")


def require_known(path: Path, flag: str = "--out", suffixes: Sequence[str] = SUFFIXES) -> None:
    """Raises FlagError: its suffix is none of ours, or it cannot lie there. Better now than after hours."""
    if path.suffix.lower() not in suffixes:
        raise FlagError(f"{flag} {path}: its suffix says what is written, one of {', '.join(suffixes)}")
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        why = "is a folder" if path.is_dir() else f"{path.parent} is no folder that can be written to"
        raise FlagError(f"{flag} {path}: {why}; name a file in one that can")


def write_hits(path: Path, rows: Sequence[Row]) -> None:
    """Raises OSError: it cannot be written; what was there stays."""
    with written_whole(path) as part:
        {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[path.suffix.lower()](part, rows)


def _jsonl(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FLAT)
        for row in rows:
            writer.writerow(
                [" ".join(map(str, row[name])) if isinstance(row[name], list) else row[name] for name in FLAT]
            )


def _parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa  # noqa: PLC0415 - 60 MB that workers and other outputs do without
    import pyarrow.parquet  # noqa: PLC0415 - likewise

    text, number = pa.string(), pa.float64()
    kinds = {
        "recording": text,
        "keyword": text,
        "phrase": text,
        "tokens": pa.list_(text),
        "timestamps": pa.list_(number),
    }
    schema = pa.schema([(name, kinds.get(name, number)) for name in FLAT])
    named = ({**row, "recording": row["recording"].encode(errors="backslashreplace").decode()} for row in rows)
    pa.parquet.write_table(pa.Table.from_pylist([{name: row[name] for name in FLAT} for row in named], schema), path)
