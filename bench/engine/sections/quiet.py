"""What the quiet gate spares, and what is heard with it and without."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import kwsd
from bench.engine import rooms
from bench.engine.report import Section
from bench.engine.selection import WAKEWORDS
from kwsd.acoustic.encoder import Encoder
from measure.paths import ROOT
from measure.progress import track
from measure.scoring import Hit, Label, hit_of, match
from measure.wav import BLOCK, RATE, blocks, cut

AT_A_TIME_S = 20  # each listener in turn, so that whatever else the machine does falls on all
MODEL = ROOT / "models" / "kwsd-en"
GATED, PLAIN, BEFORE = "gate", "no gate", "the export, no gate"


@dataclass(slots=True)
class Listener:
    """A spotter, what it heard, and the processor time that it took."""

    spotter: kwsd.Spotter
    hits: list[Hit] = field(default_factory=list)
    spent_s: float = 0.0


def measure(jobs: int) -> Section:
    """Every room with and without the gate, both on the same sound in turn."""
    del jobs
    rows: list[list[str]] = []
    figures: dict[str, dict[str, float]] = {}
    for name in rooms.ROOMS:
        path, labels = rooms.written(name)
        heard = hear(path, labels)
        found = {kind: match(labels, listener.hits) for kind, listener in heard.items()}
        pairs = list(zip(found[GATED], found[PLAIN], strict=True))
        lost = sum(gated is None and plain is not None for gated, plain in pairs)
        new = sum(gated is not None and plain is None for gated, plain in pairs)
        quiet = heard[GATED].spotter.quiet
        assert quiet is not None  # noqa: S101 - made with a gate
        chunks = quiet.segments
        figures[name] = {kind: 1000 * listener.spent_s / chunks for kind, listener in heard.items()} | {
            "heard_share": 1 - quiet.spared / chunks,
            "ratio": heard[GATED].spent_s / heard[PLAIN].spent_s,
            **({"ratio_before": heard[GATED].spent_s / heard[BEFORE].spent_s} if BEFORE in heard else {}),
            **{f"found, {kind}": len(labels) - of.count(None) for kind, of in found.items()},
            "lost": lost,
            "new": new,
            **{f"false, {kind}": false_hits(labels, listener.hits) for kind, listener in heard.items()},
        }
        rows.append(row(name, figures[name], len(labels)))
    return Section(
        "quiet",
        "The quiet gate",
        (
            "room",
            f"found, of {rooms.CLIPS}: no gate, gate",
            "lost, new",
            "false: no gate, gate",
            "chunks encoded",
            "ms a chunk: no gate, gate",
            "gate over no gate",
            "gate over the int8 export without one",
        ),
        rows,
        [
            f"{', '.join(sorted(WAKEWORDS))}; clips cut 35 dB below their peak, {rooms.APART_S:g} s apart; kwsd-en",
            f"thread time, {AT_A_TIME_S} s of sound in turn to each in one process; start and model loading left out",
        ],
        figures=figures,
    )


def row(name: str, of: Mapping[str, float], labels: int) -> list[str]:
    """A line of the table."""
    return [
        name,
        f"{of[f'found, {PLAIN}']}, {of[f'found, {GATED}']}" if labels else "",
        f"{of['lost']}, {of['new']}" if labels else "",
        f"{of[f'false, {PLAIN}']}, {of[f'false, {GATED}']}",
        f"{of['heard_share']:.0%}",
        f"{of[PLAIN]:.2f}, {of[GATED]:.2f}",
        f"**{of['ratio']:.2f}×**",
        f"{of['ratio_before']:.2f}×" if "ratio_before" in of else "",
    ]


def hear(wav: Path, labels: list[Label]) -> dict[str, Listener]:
    """With a gate and without; where nothing is said also as it was before there was a compact graph."""
    model, before = kwsd.Model.load(MODEL), kwsd.Model.load(MODEL)
    before.encoder = Encoder(MODEL / "encoder.int8.onnx")
    made = {
        GATED: kwsd.Spotter(model, WAKEWORDS, quiet_gate=True),
        PLAIN: kwsd.Spotter(model, WAKEWORDS),
        BEFORE: kwsd.Spotter(before, WAKEWORDS),
    }
    heard = {kind: Listener(spotter) for kind, spotter in made.items() if labels == [] or kind != BEFORE}
    fed = 0
    for piece in track(list(blocks(wav, AT_A_TIME_S * RATE)), wav.stem):
        fed += len(piece)
        for listener in heard.values():
            began_s = time.thread_time()
            told = [event for block in cut(piece, BLOCK) for event in listener.spotter.accept(block)]
            listener.spent_s += time.thread_time() - began_s
            listener.hits += [hit_of(event, fed) for event in told]
    return heard


def false_hits(labels: list[Label], hits: list[Hit]) -> int:
    """Hits that belong to no label."""
    return len(hits) - (len(labels) - match(labels, hits).count(None))
