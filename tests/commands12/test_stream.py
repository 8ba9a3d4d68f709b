"""The fixed-set spotter on sound: the models that are shipped, words spoken by espeak-ng."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.audio.samples import checked_samples
from kwsd.commands12 import model as bundle
from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, mel_power, pixels
from kwsd.commands12.model import FixedModel, bundle_directory, find_model, read_bundle
from kwsd.commands12.networks import WindowNetwork, make_network
from kwsd.config.settings import FixedWords
from kwsd.errors import ModelError
from kwsd.events import Detection
from kwsd.limits import EngineName
from kwsd.spotters.fixed import FixedSpotter
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.timebase import SAMPLE_RATE
from testkit.spoken import spoken, with_gaps

ENGINES: tuple[EngineName, ...] = ("ds-cnn", "nc-ssm")
WORDS = ("yes", "right", "up", "off")


def make(engine: EngineName, **changes: object) -> FixedSpotter:
    return FixedSpotter(find_model(engine), FixedWords(engine=engine, **{"threshold": 0.35, **changes}))  # type: ignore[arg-type]


def hear(spotter: FixedSpotter, *pieces: np.ndarray) -> list[Detection]:
    return [hit for piece in pieces for hit in accept(spotter, piece)] + spotter.finish()


def accept(spotter: FixedSpotter, sound: np.ndarray, lost: int = 0) -> list[Detection]:
    return spotter.push(Chunk(spotter.position_samples + lost, checked_samples(sound), ""))


def noise(seconds: float, level: float) -> np.ndarray:
    return (np.random.default_rng(5).standard_normal(int(seconds * SAMPLE_RATE)) * level).astype(np.float32)


@pytest.mark.parametrize("engine", ENGINES)
def test_words_with_gaps_are_each_heard_once_where_they_are(engine: EngineName) -> None:
    hits = hear(make(engine), with_gaps(*WORDS))
    assert [hit.keyword for hit in hits] == list(WORDS)
    begins = 1.0
    for word, hit in zip(WORDS, hits, strict=True):
        ends = begins + len(spoken(word)) / SAMPLE_RATE
        assert hit.engine == engine
        assert hit.start == pytest.approx(begins, abs=0.15)
        assert hit.end == pytest.approx(ends, abs=0.25)
        assert 0 < hit.min_score <= hit.score <= 1
        assert hit.threshold == pytest.approx(0.35)
        assert hit.latency_ms == pytest.approx((hit.stream_time - hit.end) * 1000, abs=0.11)
        begins = ends + 1.0


@settings(max_examples=8, deadline=None)
@given(cuts=st.lists(st.integers(0, 6 * SAMPLE_RATE), max_size=20), engine=st.sampled_from(ENGINES))
def test_any_split_gives_the_same_detections(cuts: list[int], engine: EngineName) -> None:
    sound = with_gaps("yes", "off", "up")
    whole = hear(make(engine), sound)
    assert whole
    assert hear(make(engine), *np.split(sound, sorted(cuts))) == whole


def test_streaming_equals_window_by_window() -> None:
    model, hop = find_model("ds-cnn"), 16
    sound = with_gaps("yes", "off")
    frames = pixels(mel_power(sound))
    engine = WindowNetwork(model.path, hop)
    alone = WindowNetwork(model.path, CLIP_FRAMES)
    padded = np.concatenate((np.zeros((CLIP_FRAMES, BANDS), np.float32), frames))
    for end in range(hop, len(frames) + 1, hop):
        streamed = engine.accept(frames[end - hop : end])
        alone.reset()
        np.testing.assert_allclose(streamed, alone.accept(padded[end : end + CLIP_FRAMES]), atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "sound",
    [
        np.zeros(3 * SAMPLE_RATE, np.float32),
        np.full(3 * SAMPLE_RATE, 0.5, np.float32),
        noise(3, 0.02),
        np.full(3 * SAMPLE_RATE, np.nan, np.float32),
        np.zeros(0, np.float32),
    ],
    ids=["silence", "DC", "hiss", "NaN", "nothing"],
)
def test_what_is_no_word_is_not_heard(engine: EngineName, sound: np.ndarray) -> None:
    spotter = make(engine, threshold=None)
    assert hear(spotter, sound) == []
    assert spotter.position_samples == len(sound)


@pytest.mark.parametrize("engine", ENGINES)
def test_rough_sound_breaks_nothing(engine: EngineName) -> None:
    """1. Clipping far beyond full scale, NaN in the middle of a word. 2. A clean word afterwards is heard."""
    spotter = make(engine)
    broken = spoken("stop").copy()
    broken[1000:2000] = np.nan
    accept(spotter, noise(1, 50.0))
    accept(spotter, broken)
    accept(spotter, np.full(100, np.inf, np.float32))
    hits = hear(spotter, with_gaps("yes"))
    assert hits[-1].keyword == "yes"
    assert spotter.bad_chunks == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_clip_of_a_third_of_a_second_is_enough(engine: EngineName) -> None:
    clip = spoken("up")[: int(0.3 * SAMPLE_RATE)]
    hits = hear(make(engine), clip)
    assert [hit.keyword for hit in hits] == ["up"]
    assert 0 <= hits[0].start < hits[0].end <= 0.3
    assert hits[0].stream_time <= 0.3


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_decided_in_the_first_second_after_a_gap(engine: EngineName) -> None:
    """1. A word right after a gap is not decided. 2. One a second later is, at its true time."""
    spotter = make(engine)
    accept(spotter, noise(2, 1e-3))
    assert accept(spotter, NO_SAMPLES, lost=8000) == []
    assert spotter.position_samples == 2.5 * SAMPLE_RATE
    early = accept(spotter, np.concatenate((spoken("yes")[:4000], noise(0.6, 1e-3))))
    late = hear(spotter, with_gaps("off"))
    assert early == []
    assert [hit.keyword for hit in late if hit.start > 3.5] == ["off"]


def test_a_candidate_is_told_before_a_gap_swallows_it() -> None:
    spotter = make("ds-cnn", hold_s=2.0)
    assert accept(spotter, np.concatenate((with_gaps("yes"), noise(0.2, 1e-3)))) == []
    assert [hit.keyword for hit in accept(spotter, NO_SAMPLES, lost=16000)] == ["yes"]
    assert spotter.finish() == []


def test_every_model_of_the_bundle_runs() -> None:
    models = read_bundle(bundle_directory())
    assert {"ds-cnn", "nc-ssm-20k"} <= set(models)
    assert sum(model.path.stat().st_size for model in models.values()) < 1_500_000
    for model in models.values():
        make_network(model, FixedWords())
        assert set(model.thresholds) == set(model.words)
        assert len(model.words) == 10


def test_a_missing_bundle_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model.toml: no such file; .*install"):
        find_model("ds-cnn", tmp_path)


def test_a_broken_description_is_named(tmp_path: Path) -> None:
    (tmp_path / bundle.DESCRIPTION).write_text("labels = [")
    with pytest.raises(ModelError, match="not a description"):
        read_bundle(tmp_path)


def test_a_description_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / bundle.DESCRIPTION)
    with pytest.raises(ModelError, match="is no regular file"):
        read_bundle(tmp_path)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"nothing")
    model = FixedModel(name="x", engine="ds-cnn", path=path, labels=("yes",), thresholds={"yes": 0.5})
    with pytest.raises(ModelError, match=r"x\.onnx"):
        make_network(model, FixedWords())
