"""What a measurement leaves: JSON for machines, and from all JSON together one page of tables."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measure.paths import RESULTS, ROOT

PAGE = "engine.md"
INTRODUCTION = """\
# kwsd beside sherpa-onnx

Written by `python -m bench engine`. Both engines run the same weights (`zipformer-gigaspeech-kws-3.3m`, int8 encoder,
float decoder and joiner) over the same audio on the same machine, one thread each; what is timed runs in alternation.
kwsd is at its defaults everywhere; sherpa-onnx is named with its boost and threshold. Quote ratios, not seconds.
"""


@dataclass(frozen=True, slots=True)
class Section:
    """One measurement: a table, what must be known to read it, and the bare figures."""

    name: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    plots: Sequence[str] = ()
    figures: dict[str, Any] = field(default_factory=dict)


def save(section: Section, seconds: float) -> None:
    """Writes the section's JSON with when, on what and at which commit it was taken."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    record = {**asdict(section), "taken": taken(), "seconds": round(seconds)}
    path(section.name).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def taken() -> dict[str, str]:
    """Circumstances of a measurement."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit(),
        "machine": f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}",
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
        "versions": " ".join(
            f"{name} {version(name)}" for name in ("sherpa-onnx", "onnxruntime", "kaldi-native-fbank")
        ),
    }


def commit() -> str:
    """Short hash of the commit, with a plus where kwsd differs from it."""
    head = git("rev-parse", "--short", "HEAD")
    return head + "+" if git("status", "--porcelain", "kwsd") else head


def git(*arguments: str) -> str:
    """What git says; nothing where there is no repository."""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607 - git from PATH


def processor() -> str:
    """Model name of the processor, as the kernel gives it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def path(name: str) -> Path:
    """Where a section's JSON lies."""
    return RESULTS / f"{name}.json"


def write_page(order: Sequence[str]) -> Path:
    """Makes the page of every section that has been measured, in this order."""
    records = [json.loads(path(name).read_text(encoding="utf-8")) for name in order if path(name).exists()]
    page = RESULTS / PAGE
    page.write_text("\n".join([INTRODUCTION, *map(render, records)]), encoding="utf-8")
    return page


def render(record: dict[str, Any]) -> str:
    """A section as Markdown."""
    when = record["taken"]
    lines = [f"## {record['title']}", "", *table(record["columns"], record["rows"]), ""]
    lines += [f"- {note}" for note in record["notes"]]
    lines += [
        f"- {when['when']}, commit {when['commit']}, {when['machine']}, load {when['load']}; {when['versions']}",
        "",
    ]
    lines += [f"![{record['title']}]({plot})\n" for plot in record["plots"]]
    return "\n".join(lines)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    cells = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(row) + " |" for row in cells]
