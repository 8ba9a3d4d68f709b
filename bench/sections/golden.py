"""The model's own test recordings: the same keywords at the same times."""

from collections.abc import Iterable
from pathlib import Path

import kwsd
from bench import sound, tables
from bench.paths import MODEL
from bench.peer import load
from bench.product import Product
from bench.report import Section
from bench.wav import RATE, Samples, cut, silence

ALLOWED_MS = 40  # one encoder frame
PEER = (1.0, 0.25)  # its own defaults, which its documentation prints times for
TAIL_S = 0.66  # silence its Python examples append
Times = tuple[float, ...]


def measure(jobs: int) -> Section:
    """Token times of both engines over each recording."""
    del jobs
    expected = tables.read(MODEL / "test_wavs" / "expected_keywords.tsv")
    phrases = tuple(row["keywords"] for row in expected)
    rows: list[list[str]] = []
    for name in dict.fromkeys(row["file"] for row in expected):
        heard = np_tail(MODEL / "test_wavs" / name)
        peer, own = peer_times(phrases, heard), own_times(phrases, heard)
        wanted = [row["keywords"] for row in expected if row["file"] == name]
        rows += [compare(name, phrase, theirs, own) for phrase, theirs in zip(wanted, peer, strict=True)]
        rows += [[name, phrase, "", shown(times), "not expected"] for phrase, times in own if phrase not in wanted]
    good = sum(row[-1].endswith(" ms") and float(row[-1][:-3]) <= ALLOWED_MS for row in rows)
    return Section(
        "golden",
        "Golden recordings",
        ("recording", "keyword", f"sherpa-onnx {PEER}, token times (s)", "kwsd, token times (s)", "farthest apart"),
        rows,
        [f"within {ALLOWED_MS} ms: {good} of {len(rows)}; `≠`: kwsd heard another spelling of the keyword"],
        figures={"within": good, "of": len(rows)},
    )


def compare(name: str, phrase: str, theirs: Times, own: list[tuple[str, Times]]) -> list[str]:
    """One row: both engines' times of a phrase, and how far the worst token is off."""
    mine = next((times for heard, times in own if heard == phrase), ())
    if not mine:
        return [name, phrase, shown(theirs), "missed", "missed"]
    same_length = len(mine) == len(theirs)
    pairs = zip(mine, theirs, strict=True) if same_length else [(mine[0], theirs[0]), (mine[-1], theirs[-1])]
    worst_ms = max(abs(one - other) for one, other in pairs) * 1000
    return [name, phrase, shown(theirs), shown(mine) + ("" if same_length else " ≠"), f"{worst_ms:.0f} ms"]


def shown(times: Times) -> str:
    """Times for people."""
    return " ".join(f"{time:.2f}" for time in times)


def np_tail(path: Path) -> list[Samples]:
    """A recording in blocks, silence behind it."""
    return [*cut(sound.read(path)), silence(TAIL_S)]


def own_times(phrases: tuple[str, ...], heard: Iterable[Samples]) -> list[tuple[str, Times]]:
    """Phrase and token times of what kwsd hears."""
    engine = Product(phrases)
    spotter = kwsd.Spotter(engine.model, engine.keywords)
    detections = [detection for block in heard for detection in spotter.accept(block)] + spotter.finish()
    return [(detection.phrase, detection.timestamps) for detection in detections]


def peer_times(phrases: tuple[str, ...], heard: Iterable[Samples]) -> list[Times]:
    """Token times of what the peer hears: asking for a name would lose them, and a reset would restart its clock."""
    spotter = load(phrases, *PEER)
    stream = spotter.create_stream()
    times: list[Times] = []
    for block in heard:
        stream.accept_waveform(RATE, block)
        while spotter.is_ready(stream):
            spotter.decode_stream(stream)
            times += [tuple(found) for found in [spotter.timestamps(stream)] if found]
    return times
