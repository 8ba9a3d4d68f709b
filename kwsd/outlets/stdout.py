"""Detections on stdout: a line for people, or a JSON line."""

import json
import sys
from collections.abc import Callable

from kwsd.events import Detection

Report = Callable[[Detection], None]

BOLD, DIM, PLAIN = "\x1b[1;32m", "\x1b[2m", "\x1b[0m"


def make_report(*, as_json: bool, source: str | None, write: Callable[[str], None]) -> Report:
    """A function that writes a detection. `source` names the input where there are several."""
    if as_json:
        return lambda detection: write(json_line(detection, source))
    colour = sys.stdout is not None and sys.stdout.isatty()
    return lambda detection: write(human_line(detection, source, colour=colour))


def json_line(detection: Detection, source: str | None) -> str:
    """The record as JSON, plus `source` where there are several inputs."""
    record = detection.to_dict()
    if source is not None:
        record["source"] = source
    return json.dumps(record, ensure_ascii=False)


def human_line(detection: Detection, source: str | None, *, colour: bool) -> str:
    """When, what and how sure, such as `   3.04 s  LIGHT UP  0.98`."""
    where = "" if source is None else f"{source}: "
    parts = (f"{where}{detection.start:8.2f} s", detection.keyword, f"{detection.score:.2f}")
    if colour:
        parts = (f"{DIM}{parts[0]}{PLAIN}", f"{BOLD}{parts[1]}{PLAIN}", f"{DIM}{parts[2]}{PLAIN}")
    return "  ".join(parts)


def write_line(line: str) -> None:
    """To stdout at once, so that a pipe's reader need not wait."""
    print(line, flush=True)
