"""What was heard before the house was rebuilt, to the last digit: `python -m testkit.hearing_reference` writes it anew.

Three recordings, each in random cuts: tones for the tiny model with two gaps, models/demo.wav with kwsd-en, and the
golden recordings with upstream's model where ../shared is there.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import kwsd
from kwsd import Keyword, Model, Spotter
from kwsd.acoustic.stream import AcousticStream
from kwsd.events import Detection
from kwsd.search.hits import Miss
from kwsd.search.search import KeywordSearch
from kwsd.stream import Chunk
from testkit.tiny_model import Floats, build_tiny_model, silence, speak, with_noise

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "spotters" / "hearing_reference.json"
GOLDEN = ROOT.parent / "shared" / "models" / "zipformer-gigaspeech-kws-3.3m"
Hearing = dict[str, list[dict[str, Any]]]
Piece = Floats | int
"""Sound, or a gap of so many samples."""


def hear(model: Model, keywords: Sequence[Keyword], pieces: Sequence[Piece]) -> Hearing:
    """Detections, and near misses in frames, of one stream."""
    spotter, stream = Spotter(model, keywords), AcousticStream(model)
    search = KeywordSearch(spotter.compiled.searched, model.transducer)
    heard: list[Detection] = []
    near: list[Miss] = []
    frames = [each for chunk in chunks(pieces, np.random.default_rng(7)) for each in stream.push(chunk)]
    for each in [*frames, *stream.finish()]:
        heard += [event for event in spotter.search(each) if isinstance(event, Detection)]
        near += [found for found in search.push(each) if isinstance(found, Miss)]
    found = {
        "detections": [{k: v for k, v in detection.to_dict().items() if k != "why"} for detection in heard],
        "near_misses": [
            {"keyword": miss.keyword, "emissions": miss.emitted, "posteriors": miss.posteriors, "reason": miss.reason}
            for miss in near
        ],
    }
    plain: Hearing = json.loads(json.dumps(found))  # lists where records have tuples
    return plain


def chunks(pieces: Sequence[Piece], chance: np.random.Generator) -> Iterator[Chunk]:
    """Sound in random cuts, with gaps."""
    start = 0
    for piece in pieces:
        if isinstance(piece, int):
            start += piece
            continue
        for cut in cuts(piece, chance):
            yield Chunk(start, cut, "")
            start += len(cut)


def cuts(sound: Floats, chance: np.random.Generator) -> Iterator[Floats]:
    at = 0
    while at < len(sound):
        size = int(chance.integers(1, 9000))
        yield sound[at : at + size]
        at += size


def tones(tiny: Path) -> Hearing:
    words = ["LIGHTS ON", "LIGHTS OFF", "STOP", "GO"]
    chance, said = np.random.default_rng(3), []
    for turn in range(40):
        said += [speak(words[turn % 4]), silence(float(chance.uniform(0.0, 1.5)))]
    sound = with_noise(np.concatenate(said), 0.003)
    half = len(sound) // 2
    keywords = [Keyword("LIGHTS ON", threshold=0.97), *map(Keyword, words[1:])]
    return hear(Model.load(tiny), keywords, [sound[:half], 5000, sound[half : half + 90_000], 40_000, sound[half:]])


def demo() -> Hearing:
    model = Model.load(ROOT / "models" / "kwsd-en")
    sound, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="float32")
    keywords = kwsd.load_keywords(ROOT / "keywords" / "commands_small.txt", model)
    keywords += kwsd.load_keywords(ROOT / "keywords" / "demo.txt", model)
    return hear(model, [*keywords, Keyword("kitchen"), Keyword("lights")], [sound, sound])


def golden() -> Hearing:
    model = Model.load(GOLDEN)
    words = ("LIGHT UP", "LOVELY CHILD", "FOREVER", "THE LIGHT", "NIGHTFALL", "CHILD")
    files = sorted((GOLDEN / "test_wavs").glob("*.wav"))
    sounds: list[Piece] = [soundfile.read(file, dtype="float32")[0] for file in files]
    return hear(model, [Keyword(word) for word in words], sounds)


def everything(tiny: Path) -> dict[str, Hearing]:
    return {"tones": tones(tiny), "demo": demo(), **({"golden": golden()} if GOLDEN.is_dir() else {})}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        REFERENCE.write_text(json.dumps(everything(build_tiny_model(Path(folder) / "tiny")), indent=1) + "\n")
