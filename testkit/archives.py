"""`kwsd-archive` as a process, its workers, and what it leaves: outcomes, pieces, hits."""

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pyarrow.parquet

from kwsd.errors import KwsdError

COMMAND = [sys.executable, "-c", "import sys; from kwsd.cli.kwsd_archive import main; sys.exit(main())"]
PATIENCE_S = 100
Found = TypeVar("Found")


def command(*arguments: str | Path, model: Path) -> list[str]:
    """With one worker, where neither a scheduler nor a number is given."""
    own = [] if {"--scheduler", "--workers"} & {*arguments} else ["--workers", "1"]
    return [*COMMAND, *map(str, arguments), "--model", str(model), *own]


def run(*arguments: str | Path, model: Path) -> subprocess.CompletedProcess[str]:
    """From beginning to end."""
    words = command(*arguments, model=model)
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE_S)


def store_flag(store: Path) -> str:
    """For any of its commands."""
    return f"--store={store}"


def outcomes(store: Path) -> dict[str, dict[str, Any]]:
    """Lines of the report, by the name of the file."""
    lines = (store / "report.jsonl").read_text().splitlines()
    return {Path(each["recording"]).name: each for each in map(json.loads, lines)}


def pieces(store: Path) -> dict[Path, int]:
    """Those that are whole, with the time at which they were written."""
    return {path: path.stat().st_mtime_ns for path in store.rglob("*.npz")}


def read(path: Path) -> list[dict[str, Any]]:
    """Hits of any suffix."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


class Here:
    """Workers that are this process: for what is beside the point of a test."""

    count = 1

    def run(self, task: Callable[[Found], Any], items: Iterable[Found]) -> Iterator[tuple[Found, Any]]:
        """Each item with its result, or with the error that came instead."""
        for item in items:
            try:
                yield item, task(item)
            except KwsdError as error:
                yield item, error


def busy_workers(client: int, store: Path) -> list[psutil.Process]:
    """Processes of a client that have a piece of the store open."""
    busy = []
    for each in psutil.Process(client).children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # one may end while it is asked
            busy += [each] if any(file.path.startswith(str(store)) for file in each.open_files()) else []
    return busy


def until(look_for: Callable[[], Sequence[Found]]) -> Sequence[Found]:
    """The first that is found, in a minute at most. Raises TimeoutError."""
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if found := look_for():
            return found
        time.sleep(0.02)
    raise TimeoutError
