"""The model's own test recordings: the same keywords at the same times."""

from collections.abc import Iterable
from pathlib import Path

import kwsd
from bench.engine.peer import load
from bench.engine.product import Product
from bench.engine.report import Section
from measure import manifests, sound
from measure.paths import MODEL
from measure.wav import RATE, Samples, cut, silence

ALLOWED_MS = 40  # one encoder frame
PEER = (1.0, 0.25)  # its own defaults; boost makes it emit a token before the sound's own moment
UNBOOSTED = (0.01, 0.1)  # as good as no boost: the moments that sound and weights alone give
TAIL_S = 0.66  # silence its Python examples append
Times = tuple[float, ...]


def measure(jobs: int) -> Section:
    """Token times of both engines over each recording."""
    del jobs
    expected = manifests.read(MODEL / "test_wavs" / "expected_keywords.tsv")
    phrases = tuple(row["keywords"] for row in expected)
    rows: list[list[str]] = []
    for name in dict.fromkeys(row["file"] for row in expected):
        wanted = [row["keywords"] for row in expected if row["file"] == name]
        rows += compare(name, wanted, with_tail(MODEL / "test_wavs" / name), phrases)
    good = sum(row[-1].endswith(" ms") and float(row[-1][:-3]) <= ALLOWED_MS for row in rows)
    return Section(
        "golden",
        "Golden recordings",
        (
            "recording",
            "keyword",
            *(f"sherpa-onnx {setting}, token times" for setting in (PEER, UNBOOSTED)),
            "kwsd",
            "off",
        ),
        rows,
        [
            f"within {ALLOWED_MS} ms of the unboosted peer, token by token: {good} of {len(rows)}",
            "boost makes the peer emit tokens before their sound is over; in kwsd it steers the search alone",
        ],
        figures={"within": good, "of": len(rows)},
    )


def compare(name: str, wanted: list[str], heard: list[Samples], phrases: tuple[str, ...]) -> list[list[str]]:
    """Rows of one recording: every wanted phrase, then whatever kwsd hears besides."""
    boosted, unboosted = (peer_times(phrases, heard, setting) for setting in (PEER, UNBOOSTED))
    own = own_times(phrases, heard)
    rows = []
    for phrase, early, theirs in zip(wanted, boosted, unboosted, strict=True):
        mine = next((times for one, times in own if one == phrase), ())
        rows.append([name, phrase, shown(early), shown(theirs), shown(mine) or "missed", apart(mine, theirs)])
    return rows + [
        [name, phrase, "", "", shown(times), "not expected"] for phrase, times in own if phrase not in wanted
    ]


def apart(mine: Times, theirs: Times) -> str:
    """How far the worst token is off."""
    if len(mine) != len(theirs):
        return "other spelling" if mine else "missed"
    return f"{max(abs(one - other) for one, other in zip(mine, theirs, strict=True)) * 1000:.0f} ms"


def shown(times: Times) -> str:
    """Times for people."""
    return " ".join(f"{time:.2f}" for time in times)


def with_tail(path: Path) -> list[Samples]:
    """A recording in blocks, silence behind it."""
    return [*cut(sound.read(path)), silence(TAIL_S)]


def own_times(phrases: tuple[str, ...], heard: Iterable[Samples]) -> list[tuple[str, Times]]:
    """Phrase and token times of what kwsd hears."""
    engine = Product(phrases)
    spotter = kwsd.Spotter(engine.model, engine.keywords)
    detections = [detection for block in heard for detection in spotter.accept(block)] + spotter.finish()
    return [(detection.phrase, detection.timestamps) for detection in detections]


def peer_times(phrases: tuple[str, ...], heard: Iterable[Samples], setting: tuple[float, float]) -> list[Times]:
    """Token times of what the peer hears: asking for a name would lose them, and a reset would restart its clock."""
    spotter = load(phrases, *setting)
    stream = spotter.create_stream()
    times: list[Times] = []
    for block in heard:
        stream.accept_waveform(RATE, block)
        while spotter.is_ready(stream):
            spotter.decode_stream(stream)
            times += [tuple(found) for found in [spotter.timestamps(stream)] if found]
    return times
