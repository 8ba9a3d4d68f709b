"""What a compact graph hears, beside the export that it was written from: hit for hit."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

import kwsd
from bench.engine.optimised import optimised_model
from bench.engine.report import Section
from kwsd.events import Detection
from measure import sound, streams
from measure.paths import MODEL, ROOT, WORK
from measure.wav import RATE, Samples, blocks, silence

TIME_S, SCORE = 0.04, 0.03
"""Two hits of a keyword are the same within one encoder frame, their scores within this."""
NEAR_S = 1.0
SILENCE_S = 600.0
OURS = ROOT / "models" / "kwsd-en"
GOLDEN_WORDS = ("LIGHT UP", "LOVELY CHILD", "FOREVER", "THE LIGHT", "NIGHTFALL", "CHILD")


def measure(jobs: int) -> Section:
    """Every export beside its compact graph on golden recordings, wake words and silence."""
    del jobs
    pairs = {
        "kwsd-en, float32 export": (only(OURS, "encoder.onnx"), OURS),
        "kwsd-en, int8 export": (only(OURS, "encoder.int8.onnx"), OURS),
        "upstream, int8 export": (MODEL, optimised_model()),
    }
    rows, figures = [], {}
    for name, (export, compact) in pairs.items():
        models = kwsd.Model.load(export), kwsd.Model.load(compact)
        for what, phrases, pieces in material():
            before, after = (hear(model, phrases, pieces) for model in models)
            found = compare(before, after)
            figures[f"{name}: {what}"] = found
            rows.append([name, what, *(f"{number}" for number in found)])
    return Section(
        "compact",
        "A compact graph hears what its export hears",
        ("export", "sound", "hits of the export", "of the compact graph", "the same", "apart", "lost", "new"),
        rows,
        [
            f"the same: that keyword, ending within {TIME_S * 1000:.0f} ms, score within {SCORE:g}; apart: not so",
            f"golden: {len(GOLDEN_WORDS)} phrases in upstream's recordings; wake words: 360 clips in one stream",
            f"silence: {SILENCE_S / 60:.0f} min at -74 dBFS, the phrases of the wake words",
        ],
        figures=figures,
    )


def only(source: Path, encoder: str) -> Path:
    """A model's directory with that encoder alone."""
    directory = WORK / "models" / f"{source.name}-{encoder}"
    directory.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        link = directory / path.name
        if path.is_file() and (path.name == encoder or not path.name.startswith("encoder")) and not link.exists():
            link.symlink_to(path)
    return directory


def material() -> Iterator[tuple[str, Sequence[str], list[Samples]]]:
    """What it is, the phrases to listen for, the sound."""
    recordings = [sound.read(path) for path in sorted((MODEL / "test_wavs").glob("*.wav"))]
    yield "golden", GOLDEN_WORDS, [piece for each in recordings for piece in (each, silence(1.0))]
    stream = streams.wakewords()
    phrases = sorted({label.phrase for label in stream.labels})
    yield "wake words", phrases, list(blocks(stream.wav))
    yield "silence", phrases, [streams.floor(round(SILENCE_S * RATE), seed=0)]


def hear(model: kwsd.Model, phrases: Sequence[str], pieces: list[Samples]) -> list[Detection]:
    """Detections of one stream."""
    spotter = kwsd.Spotter(model, phrases)
    return [hit for piece in pieces for hit in spotter.accept(piece)] + spotter.finish()


def compare(before: list[Detection], after: list[Detection]) -> tuple[int, int, int, int, int, int]:
    """Hits before and after; of those before the same, apart and lost; new ones."""
    left, same, apart = list(after), 0, 0
    for hit in before:
        near = [(abs(each.end - hit.end), each) for each in left if each.keyword == hit.keyword]
        away, closest = min(near, key=itemgetter(0), default=(NEAR_S, hit))
        if away >= NEAR_S:
            continue
        left.remove(closest)
        as_near = away <= TIME_S + 1e-6 and abs(closest.score - hit.score) <= SCORE
        same, apart = same + as_near, apart + (not as_near)
    return len(before), len(after), same, apart, len(before) - same - apart, len(left)
