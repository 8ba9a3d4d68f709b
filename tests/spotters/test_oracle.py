"""sherpa-onnx as the oracle where it is right: what it hears, kwsd hears, at the same token times.

Its boost is set to almost nothing, because a boost makes it emit tokens before their sound (B5), and its recordings are
short, because after 1.5 s of silence it forgets (B2).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from kwsd import Keyword, Model, Spotter
from kwsd.keywords.text_lines import read_lines
from testkit.tiny_model import Floats, silence, speak

sherpa_onnx = pytest.importorskip("sherpa_onnx")

FRAME_S = 0.04
ROOT = Path(__file__).parents[2]


def peer(model: Model, encoder: str, phrases: list[str], keywords: Path, boost: float) -> Any:
    """sherpa-onnx on the files of a model, listening for the phrases as kwsd spells them."""
    tokens = [" ".join(model.tokenizer.pieces(model.tokenizer.encode(phrase))) for phrase in phrases]
    lines = [f"{spelling} @{phrase.replace(' ', '_')}" for spelling, phrase in zip(tokens, phrases, strict=True)]
    keywords.write_text("\n".join(lines) + "\n")
    return sherpa_onnx.KeywordSpotter(
        tokens=str(model.directory / "tokens.txt"),
        encoder=str(model.directory / encoder),
        decoder=str(model.directory / "decoder.onnx"),
        joiner=str(model.directory / "joiner.onnx"),
        keywords_file=str(keywords),
        num_threads=1,
        keywords_score=boost,
        keywords_threshold=0.1,
    )


def peer_hears(model: Model, encoder: str, phrases: list[str], sound: Floats, keywords: Path) -> list[list[float]]:
    """Token times of every hit, in order."""
    spotter = peer(model, encoder, phrases, keywords, boost=0.01)
    stream, hits = spotter.create_stream(), []
    for block in np.array_split(np.concatenate([sound, silence(1.0)]), 200):
        stream.accept_waveform(16_000, block)
        while spotter.is_ready(stream):
            spotter.decode_stream(stream)
            if times := spotter.timestamps(stream):  # asking for the result first would empty them (B4)
                hits.append(list(times))
    return hits


def kwsd_hears(model: Model, phrases: list[str], sound: Floats) -> list[list[float]]:
    spotter = Spotter(model, [Keyword(phrase) for phrase in phrases])
    return [list(hit.timestamps) for hit in spotter.accept(sound) + spotter.finish()]


def assert_same(ours: list[list[float]], theirs: list[list[float]]) -> None:
    assert len(ours) == len(theirs)
    for own, other in zip(ours, theirs, strict=True):
        assert own == pytest.approx(other, abs=FRAME_S + 1e-6)


@pytest.mark.model
@pytest.mark.parametrize("file", ["0.wav", "1.wav"])
def test_upstream_recordings(shared_model_dir: Path, tmp_path: Path, file: str) -> None:
    model = Model.load(shared_model_dir)
    phrases = ["LIGHT UP", "LOVELY CHILD", "FOREVER"]
    sound, _ = soundfile.read(shared_model_dir / "test_wavs" / file, dtype="float32")
    theirs = peer_hears(model, "encoder.int8.fixed.onnx", phrases, sound, tmp_path / "keywords.txt")
    assert theirs
    assert_same(kwsd_hears(model, phrases, sound), theirs)


def test_the_tiny_model(tiny_model_dir: Path, tmp_path: Path) -> None:
    model = Model.load(tiny_model_dir)
    phrases = ["LIGHTS ON", "STOP"]
    sound = np.concatenate([silence(0.5), speak("LIGHTS ON"), silence(0.7), speak("STOP"), silence(0.5)])
    theirs = peer_hears(model, "encoder.onnx", phrases, sound, tmp_path / "keywords.txt")
    assert len(theirs) == 2
    assert_same(kwsd_hears(model, phrases, sound), theirs)


def test_the_model_that_comes_with_kwsd_serves_both(tmp_path: Path) -> None:
    """kwsd-en is laid out as the public exports are: sherpa-onnx finds phrases of the demo with it, in order.

    It misses the last of the six at any boost from 1 to 3, and version 3's at 1; kwsd hears all of them.
    """
    model = Model.load(ROOT / "models" / "kwsd-en")
    lines = read_lines((ROOT / "keywords" / "demo.txt").read_bytes())
    phrases = [entry.keyword.phrase for entry in lines if entry.keyword]
    sound, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="float32")
    boost = model.description.search.boost or 1.5
    spotter = peer(model, "encoder.onnx", phrases, tmp_path / "keywords.txt", boost=boost)
    stream, heard = spotter.create_stream(), []
    stream.accept_waveform(16_000, np.concatenate([sound, silence(1.0)]))
    while spotter.is_ready(stream):
        spotter.decode_stream(stream)
        if hit := spotter.get_result(stream):
            heard.append(hit.replace("_", " "))
            spotter.reset_stream(stream)
    assert heard == [phrase for phrase in phrases if phrase in heard]
    assert len(heard) >= len(phrases) - 1
