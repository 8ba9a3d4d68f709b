"""One stream end to end: real fbank, real onnxruntime, the tiny model that hears dual tones; and the upstream model."""

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd import Keyword, Model, SearchSettings, Spotter
from kwsd.errors import ConfigError, KwsdError, ModelError
from kwsd.events import Detection, NearMiss
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from testkit.tiny_model import Floats, silence, speak

RATE = 16_000


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


@pytest.fixture
def spotter(model: Model) -> Spotter:
    return Spotter(model, [Keyword("LIGHTS ON"), Keyword("STOP")])


def scene(*parts: str | float) -> Floats:
    """Phrases and pauses in seconds, as sound."""
    return np.concatenate([silence(part) if isinstance(part, float) else speak(part) for part in parts])


def names(detections: list[Detection]) -> list[str]:
    return [detection.keyword for detection in detections]


def test_a_phrase_is_heard_with_its_times(spotter: Spotter) -> None:
    (heard,) = spotter.accept(scene(2.0, "LIGHTS ON")) + spotter.finish()
    assert (heard.keyword, heard.phrase, heard.engine) == ("LIGHTS ON", "LIGHTS ON", "zipformer")
    assert heard.start == heard.timestamps[0] == pytest.approx(2.1, abs=0.12)
    assert list(heard.timestamps) == sorted(heard.timestamps)
    assert len(heard.tokens) == len(heard.timestamps)
    assert heard.timestamps[-1] < heard.end <= heard.stream_time
    assert heard.latency_ms == pytest.approx((heard.stream_time - heard.end) * 1000, abs=0.1)
    assert 0.9 < heard.min_score <= heard.score <= 1


SCENE_PARTS = (0.4, "LIGHTS ON", 0.9, "STOP", 1.3, "LIGHTS ON", "STOP", 0.8)


@given(cuts=st.lists(st.integers(0, 7 * RATE), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_however_sound_is_split_the_detections_are_equal(model: Model, cuts: list[int]) -> None:
    sound = scene(*SCENE_PARTS)
    keywords = [Keyword("LIGHTS ON"), Keyword("STOP")]
    whole = Spotter(model, keywords)
    split = Spotter(model, keywords)
    expected = whole.accept(sound) + whole.finish()
    pieces = np.split(sound, sorted(cut for cut in cuts if cut < len(sound)))
    assert [hit for piece in pieces for hit in split.accept(piece)] + split.finish() == expected
    assert names(expected) == ["LIGHTS ON", "STOP", "LIGHTS ON", "STOP"]


def test_sample_by_sample_is_the_same_too(model: Model) -> None:
    sound = scene(0.2, "STOP", 0.4)
    whole, slow = (Spotter(model, [Keyword("STOP")]) for _ in range(2))
    assert [hit for sample in sound for hit in slow.accept(sample[None])] == whole.accept(sound)


def test_the_clock_never_restarts(spotter: Spotter) -> None:
    """B3: after a hit or a long silence the peers count from zero again."""
    detections = spotter.accept(scene("STOP", 60.0, "STOP", 1.0))
    assert detections[1].start - detections[0].start == pytest.approx(60.0 + len(speak("STOP")) / RATE, abs=0.04)
    assert spotter.position_samples == len(scene("STOP", 60.0, "STOP", 1.0))


def test_lost_sound_moves_the_clock(spotter: Spotter) -> None:
    spotter.accept(scene(1.0))
    (heard,) = spotter.push(Chunk(24_000, scene("STOP", 1.0), ""))
    assert isinstance(heard, Detection)
    assert heard.start == pytest.approx(1.5 + 0.1, abs=0.12)
    (later,) = spotter.push(Chunk(spotter.position_samples + 3600 * RATE, scene("STOP", 1.0), ""))
    assert isinstance(later, Detection)
    between = 3600 + 1.0 + len(speak("STOP")) / RATE
    assert later.start - heard.start == pytest.approx(between, abs=0.04)


def test_a_word_before_a_long_gap_is_not_lost(spotter: Spotter) -> None:
    assert spotter.accept(speak("STOP")) == []
    (heard,) = spotter.push(Chunk(20 * RATE, silence(0.0), ""))
    assert isinstance(heard, Detection)
    assert heard.keyword == "STOP"


def test_samples_that_are_no_numbers_are_silence(spotter: Spotter) -> None:
    """B15: two bad frames poisoned the stream for ever."""
    sound = scene(1.0, "STOP", 1.0, "LIGHTS ON", 1.0)
    sound[4_000:4_010] = np.nan
    sound[8_000] = np.inf
    assert names(spotter.accept(sound)) == ["STOP", "LIGHTS ON"]
    assert spotter.bad_chunks == 0


def test_an_encoder_that_fails_once_is_started_over(spotter: Spotter) -> None:
    """B15, inside: whatever made the state not finite, the next phrase is heard and the chunk is counted."""
    spotter.accept(scene(1.0))
    spotter._stream.state[0][...] = np.nan
    assert names(spotter.accept(scene(1.0, "STOP", 1.0))) == ["STOP"]
    assert spotter.bad_chunks == 1


def test_an_encoder_that_fails_in_the_middle_of_a_phrase_harms_nothing_else(model: Model) -> None:
    """LIGHTS waits for LIGHTS ON when the sound before it becomes unknown; whenever that is, STOP is heard."""
    sound = scene(0.5, "LIGHTS", 2.0, "STOP", 1.0)
    for cut in range(6_400, 40_000, 5_120):
        spotter = Spotter(model, [Keyword("LIGHTS"), Keyword("LIGHTS ON"), Keyword("STOP")])
        heard = spotter.accept(sound[:cut])
        spotter._stream.state[0][...] = np.nan
        assert names(heard + spotter.accept(sound[cut:]))[-1] == "STOP", f"failed at sample {cut}"


def test_keywords_change_between_chunks_and_nothing_is_lost(model: Model) -> None:
    """1. Half a phrase is said. 2. The keywords change; the phrase stays among them. 3. The rest is said.

    Result: it is heard, once; the phrase that left is not heard any more, the new one is.
    """
    sound = scene(0.5, "LIGHTS ON", 1.0)
    for cut in range(0, len(sound), 3_200):
        spotter = Spotter(model, ["LIGHTS ON", "STOP"])
        before = spotter.accept(sound[:cut])
        spotter.replace(spotter.compile([Keyword("LIGHTS ON"), Keyword("GO")]))
        assert names(before + spotter.accept(sound[cut:])) == ["LIGHTS ON"], f"changed at sample {cut}"
    assert names(spotter.accept(scene("STOP", 1.0, "GO", 1.0))) == ["GO"]


def test_a_keyword_that_cannot_be_written_leaves_the_old_ones(spotter: Spotter) -> None:
    with pytest.raises(ConfigError, match="CAFÉ"):
        spotter.compile([Keyword("CAFÉ")])
    assert names(spotter.accept(scene("STOP", 1.0))) == ["STOP"]


def test_disabled_keywords_are_not_heard(model: Model) -> None:
    spotter = Spotter(model, [Keyword("STOP", enabled=False), Keyword("GO", name="go on")])
    assert names(spotter.accept(scene("STOP", 1.0, "GO", 1.0))) == ["go on"]


def test_spotters_share_a_model_and_nothing_else(model: Model) -> None:
    one, other = Spotter(model, [Keyword("STOP")]), Spotter(model, [Keyword("STOP")])
    sound = scene(0.3, "STOP", 1.0)
    heard: list[Detection] = []
    for start in range(0, len(sound), 4_000):
        heard += one.accept(sound[start : start + 4_000])
        assert other.accept(silence(0.25)) == []
    assert names(heard) == ["STOP"]


def test_a_compiled_list_serves_any_number_of_spotters_at_once(model: Model) -> None:
    """A program with a stream per satellite makes a spotter in well under the 10 ms that one chunk may take."""
    compiled = Spotter(
        model, [f"LIGHTS {' '.join('ON' * (1 + n % 5))} STOP GO" for n in range(500)] + ["STOP"]
    ).compiled
    began = time.perf_counter()
    spotters = [Spotter(model, compiled) for _ in range(20)]
    assert (time.perf_counter() - began) / 20 < 0.01
    assert [names(spotter.accept(scene("STOP", 1.0))) for spotter in spotters[:3]] == [["STOP"]] * 3


def test_near_misses_are_told_in_order_with_what_they_lack(model: Model) -> None:
    spotter = Spotter(model, [Keyword("LIGHTS ON", threshold=0.9999), Keyword("STOP")])
    told = spotter.push(Chunk(0, scene("LIGHTS ON", 1.0, "STOP", 1.0), ""))
    near, heard = told
    assert isinstance(near, NearMiss)
    assert isinstance(heard, Detection)
    assert (near.keyword, heard.keyword) == ("LIGHTS ON", "STOP")
    assert near.end < heard.start
    assert "is below 0.9999" in near.reason


@pytest.mark.parametrize("tail_s", [0.0, 0.2])
def test_a_near_miss_of_the_last_words_is_told_at_the_end(model: Model, tail_s: float) -> None:
    spotter = PhraseSpotter(model, [Keyword("LIGHTS ON", threshold=0.9999)])
    assert spotter.push(Chunk(0, scene("LIGHTS ON", tail_s), "")) == []
    (near,) = spotter.finish()
    assert isinstance(near, NearMiss)
    assert near.keyword == "LIGHTS ON"


@pytest.mark.parametrize(
    "samples", [np.zeros(10, np.int16), np.zeros((2, 10), np.float32), np.float32(0)], ids=["int16", "stereo", "scalar"]
)
def test_what_is_no_sound_is_refused(spotter: Spotter, samples: Floats) -> None:
    with pytest.raises(ValueError, match="floats of shape"):
        spotter.accept(samples)


def test_an_unknown_model_is_named() -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        Model.load("no-such-model")
    assert issubclass(ModelError, KwsdError)


UPSTREAM_TIMES = {"LIGHT UP": 3.04, "LOVELY CHILD": 5.44, "FOREVER": 10.88}
"""Seconds of the first token, by upstream's documentation of its fp32 model."""


@pytest.mark.model
def test_golden_recordings(shared_model_dir: Path) -> None:
    model = Model.load(shared_model_dir)
    heard: dict[str, float] = {}
    for file in ("0.wav", "1.wav"):
        spotter = Spotter(model, [Keyword(phrase) for phrase in UPSTREAM_TIMES])
        sound, _ = soundfile.read(shared_model_dir / "test_wavs" / file, dtype="float32")
        heard |= {hit.keyword: hit.timestamps[0] for hit in spotter.accept(sound) + spotter.finish()}
    assert heard == pytest.approx(UPSTREAM_TIMES, abs=0.04)


@pytest.mark.model
def test_a_phrase_is_heard_after_any_silence(shared_model_dir: Path) -> None:
    """B2: sherpa-onnx misses this phrase after 1.3 to 1.4 s and 2.9 to 3.0 s of silence."""
    model = Model.load(shared_model_dir)
    sound, _ = soundfile.read(shared_model_dir / "test_wavs" / "0.wav", dtype="float32")
    clip = sound[int(2.7 * RATE) : int(3.5 * RATE)]
    for silence_s in (1.3, 1.35, 1.4, 2.9, 2.95, 3.0):
        spotter = Spotter(model, [Keyword("LIGHT UP")])
        detections = spotter.accept(np.concatenate([silence(silence_s), clip, silence(1.2)]))
        assert names(detections) == ["LIGHT UP"], f"after {silence_s} s"


@pytest.mark.model
def test_near_phrases_are_not_heard(shared_model_dir: Path) -> None:
    model = Model.load(shared_model_dir)
    sound, _ = soundfile.read(shared_model_dir / "test_wavs" / "0.wav", dtype="float32")
    near = ["LIGHT DOWN", "LIGHT UPON", "EARLY NIGHT", "YELLOW LAMB", "WOULD LIGHT HERE"]
    spotter = Spotter(model, [Keyword(phrase) for phrase in near])
    assert names(spotter.accept(sound) + spotter.finish()) == []


def test_settings_are_the_streams_defaults(model: Model) -> None:
    deaf = Spotter(model, [Keyword("STOP")], SearchSettings(threshold=1.0, min_score=1.0))
    assert names(deaf.accept(scene("STOP", 1.0))) == []
