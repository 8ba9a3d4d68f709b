"""`python -m bench archive`: what an archive costs, by sections → results/archive.md."""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

from bench.archive import costs, material, runs
from bench.archive.formats import compare
from kwsd.acoustic.model import Model
from kwsd.archive.jobs import sound_of
from kwsd.archive.spans import pieces as cut_into_pieces
from kwsd.archive.store import Store, read_spans
from measure.paths import RESULTS
from testkit.archives import pieces, read
from testkit.tiny_model import build_tiny_model

NEAR_S = 0.3
HEADER = """\
# Archive

`python -m bench archive [SECTION…]`: running speech of LibriSpeech (`../shared/speech`, Opus-coded; dev speakers first)
as FLAC files of a minute, kwsd-en, whole pieces as workers of `kwsd-archive` do them. Processor time, since the machine
is shared; others slow it all the same, through caches and clocks. The load average stands in each row.
Files of many hours are for the tiny model of the tests, whose encoder costs little: phrases with holes between, which
take no place on the disk (`planted --minutes 1800` is one of 30 h).

| section | what | measured | aim | load |
|---|---|---|---|---|
"""


def row(section: str, what: str, measured: str, aim: str = "") -> str:
    """A line of the table."""
    return f"| {section} | {what} | {measured} | {aim} | {os.getloadavg()[0]:.0f} |"


def index(folder: Path, minutes: int) -> Iterator[str]:
    """Core-seconds and megabytes for an hour of sound."""
    took = costs.index(material.recordings(folder / "talk", minutes, 60.0), folder / "store")
    yield row("index", f"core-seconds for an hour, {minutes} min in batches", f"{took.core_s_per_hour:.1f}", "22")
    yield row("index", "store, MB for an hour", f"{took.mb_per_hour:.1f}", "14")
    alone = costs.encoded_alone([*sorted((folder / "talk").iterdir())[:2]])
    yield row("index", "core-seconds for an hour, one span at a time", f"{alone.core_s_per_hour:.1f}")


def search(folder: Path, minutes: int) -> Iterator[str]:
    """Core-seconds for an hour of kept frames, 20 phrases and 10,000."""
    costs.index(material.recordings(folder / "talk", minutes, 60.0), folder / "store")
    for name, (few, many) in material.lists().items():
        found = [costs.search(folder / "store", phrases) for phrases in (few, many)]
        for each, aim in zip(found, ("10", "1.2 x that of 20"), strict=True):
            told = f"{each.first_core_s_per_hour:.1f}, the second time {each.again_core_s_per_hour:.1f}"
            yield row(
                "search", f"core-seconds for an hour, {each.phrases} phrases, {name}; {each.hits} hits", told, aim
            )
        ratio = found[1].again_core_s_per_hour / found[0].again_core_s_per_hour
        yield row("search", f"{found[1].phrases} phrases over {found[0].phrases}, {name}", f"{ratio:.1f}", "1.2")


def formats(folder: Path, minutes: int) -> Iterator[str]:
    """What else frames could be kept in."""
    took = costs.index(material.recordings(folder / "talk", minutes, 60.0), folder / "store")
    model = Model.load(material.MODEL, same_everywhere=True)
    for form in compare(Store(folder / "store", model.encoder.fingerprint), model, folder):
        each = [amount / took.sound_s * costs.HOUR_S for amount in (form.kept_bytes / 1e6, form.read_core_s)]
        told = f"{each[0]:.1f}, {each[1]:.2f}"
        yield row("formats", f"{form.name}: MB for an hour, core-seconds to read it", told)


def efficiency(folder: Path, minutes: int) -> Iterator[str]:
    """What two workers make of what one does, and what a worker holds."""
    talk = material.recordings(folder / "talk", 2 * minutes, 60.0)
    done = runs.alternate(talk, folder, times=2)
    core, wall = ([[getattr(r, name) for r in done if r.workers == n] for n in (1, 2)] for name in ("core_s", "wall_s"))
    by_core, by_wall = median(core[0]) / median(core[1]), median(wall[0]) / median(wall[1]) / 2
    yield row("efficiency", "2 workers, by processor time, median of 2 in alternation", f"{by_core:.2f}", "0.9")
    yield row("efficiency", "the same by the clock, start and end of Dask included", f"{by_wall:.2f}", "0.9")
    yield row("memory", "a worker, files of a minute, MB", f"{max(r.peak_mb for r in done):.0f}", "400")


def long_file(folder: Path, minutes: int) -> Iterator[str]:
    """What a worker holds while it is at one long file."""
    (source,) = material.recordings(folder / "talk", 1, 60.0 * minutes)
    for hours in (minutes / 60, minutes / 15):
        took = runs.index([runs.long_file(folder / f"{hours:.2f}.wav", source, hours)], folder / f"{hours:.2f}", 1)
        yield row("long file", f"a worker at a file of {hours:.2g} h, MB", f"{took.peak_mb:.0f}", "400")


def planted(folder: Path, minutes: int) -> Iterator[str]:
    """One file of any length with phrases across its cuts, for the tiny model: hits, memory, killed and gone on."""
    model, hours, workers = build_tiny_model(folder / "model"), minutes / 60, os.cpu_count() or 1
    section, sound, store, phrases = f"{hours:g} h, one file", folder / "long.wav", folder / "store", folder / "phrases"
    phrases.write_text(material.PLANTED, encoding="utf-8")
    times = material.planted(sound, hours)
    half = len([*cut_into_pieces(costs.spans_of([sound]), workers)]) // 2
    runs.kill_index([sound], store, workers, model, lambda: len(pieces(store)) >= half)
    before = pieces(store)
    left_h = hours - sum(sound_of(kept) for piece in before for kept in read_spans(piece).values()) / 3600
    indexed = runs.index([sound], store, workers, model)
    after = pieces(store)
    searched = runs.search(store, workers, model, phrases, folder / "hits.jsonl")
    starts = [row["start"] for row in read(folder / "hits.jsonl")]
    right = sum(any(abs(start - at) < NEAR_S for start in starts) for at in times)
    told = f"{right} of {len(times)}, {len(starts) - right} more than once or elsewhere"
    yield row(section, "phrases said every 8 min, every other across a cut, found", told, "all, 0")
    again = sum(after[piece] != written for piece, written in before.items())
    told = f"{len(before)} of {len(after)}, {again}"
    yield row(section, "pieces that were there when client and workers were killed, encoded again of them", told, "0")
    for name, run, heard_h in (("index", indexed, left_h), ("search", searched, hours)):
        yield row(section, f"{name}, a worker, tiny model, MB", f"{run.peak_mb:.0f}", "400")
        each = (
            f"{run.core_s / heard_h:.1f}, {run.wall_s / 60:.0f} min by the clock for {heard_h:.0f} h, {workers} workers"
        )
        yield row(section, f"{name}, core-seconds for an hour, tiny model", each)


SECTIONS: dict[str, Callable[[Path, int], Iterator[str]]] = {
    "index": index,
    "search": search,
    "formats": formats,
    "efficiency": efficiency,
    "long-file": long_file,
    "planted": planted,
}


def main(arguments: Sequence[str]) -> None:
    """Measure the sections that are named, or all; rows of others stay in the table."""
    parser = argparse.ArgumentParser(prog="python -m bench archive", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument(
        "--minutes", type=int, default=16, metavar="N", help="of sound; 16 are a batch of a minute each"
    )
    given = parser.parse_args(arguments)
    if unknown := {*given.sections} - {*SECTIONS}:
        parser.error(f"there is no section {min(unknown)}; there are {', '.join(SECTIONS)}")
    for name in given.sections or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="kwsd-bench-") as folder:
            write([*SECTIONS[name](Path(folder), given.minutes)])


def write(lines: Sequence[str]) -> None:
    """Rows into the table, in place of those that say the same of their section."""
    print("\n".join(lines), flush=True)
    page = RESULTS / "archive.md"
    known = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    sections = {line.split("|")[1] for line in lines}
    kept = [line for line in known if line.startswith("| ") and line.split("|")[1] not in sections][1:]
    page.write_text(HEADER + "\n".join([*kept, *lines]) + "\n", encoding="utf-8")
