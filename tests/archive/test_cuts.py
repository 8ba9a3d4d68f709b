"""Whatever the cuts and the company, a recording gives what it gives in one go."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from kwsd import Model, SearchSettings
from kwsd.acoustic.stream import AcousticStream
from kwsd.archive.encode import Made, encode_spans
from kwsd.archive.recordings import look, open_span
from kwsd.archive.search import search_spans
from kwsd.archive.spans import GRID_SAMPLES, ArchivedFile, FileSpan, cut, pieces, spans_between
from kwsd.events import Detection, Event
from kwsd.search import rules
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from kwsd.timebase import ENCODER_SHIFT_SAMPLES, SAMPLE_RATE
from testkit.tiny_model import Floats, silence, speak, with_noise

SEGMENT_SAMPLES = 8 * ENCODER_SHIFT_SAMPLES
WORDS = ("LIGHT UP", "LIGHT", "NIGHT", "NIGHTFALL")


def recording(path: Path) -> ArchivedFile:
    found = look(str(path))
    assert isinstance(found, ArchivedFile)
    return found


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 s in which the tiny model hears words, some in one breath; the encoder reaches back 14 s, the search 24."""
    chance = np.random.default_rng(3)
    parts: list[Floats] = []
    while sum(map(len, parts)) < 50 * SAMPLE_RATE:
        parts += [speak(str(chance.choice(WORDS))), silence(float(chance.choice([0.05, 0.3, 1.0, 2.5])))]
    path = tmp_path_factory.mktemp("talk") / "talk.wav"
    soundfile.write(path, with_noise(np.concatenate(parts), 1e-3), SAMPLE_RATE)
    return path


def heard(model: Model, spans: list[FileSpan], lanes: int = 4) -> list[dict[str, Any]]:
    """Detections of all spans, in their order in time."""
    compiled = PhraseSpotter(model, WORDS).compiled
    found = search_spans(model, compiled, SearchSettings(), spans, encode_spans(model, spans, open_span, lanes))
    return comparable(each for _, each in found)


def comparable(found: Iterable[Detection]) -> list[dict[str, Any]]:
    """All that is told of detections but `lead_s`: how much of the past the search keeps, 10 to 20 s."""
    told = [each.to_dict() for each in found]
    for each in told:
        del each["why"]["lead_s"]
    return sorted(told, key=lambda each: (each["stream_time"], each["keyword"]))


def in_one_go(model: Model, path: Path) -> list[dict[str, Any]]:
    """What `kwsd --input FILE` would give, were it not for its gate."""
    sound, _ = soundfile.read(path, dtype="float32")
    spotter = PhraseSpotter(model, WORDS)
    events = [*spotter.push(Chunk(0, sound, "talk")), *spotter.finish()]
    return comparable(event for event in events if isinstance(event, Detection))


def test_what_was_nearly_said_is_not_told_and_costs_nothing(
    model: Model, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive would throw misses away: none is made, and the hits are the same to the last digit."""
    spans, strict = [FileSpan(recording(talk))], SearchSettings(min_duration_s=0.2)
    made = list[Made](encode_spans(model, spans, open_span))
    spotter, told = PhraseSpotter(model, WORDS, strict), list[Event]()
    for each in made:
        told += spotter.search(each.frames) if each.frames else ()
    expected = comparable(event for event in told if isinstance(event, Detection))
    assert expected
    assert len(expected) < len(told)
    with monkeypatch.context() as patched:
        patched.setattr(rules, "Miss", None)
        found = search_spans(model, spotter.compiled, strict, spans, made)
        assert comparable(each for _, each in found) == expected


@settings(max_examples=4, phases=[Phase.explicit, Phase.generate])  # shrinking would take minutes
@given(st.sets(st.integers(1, 50 * SAMPLE_RATE // SEGMENT_SAMPLES), max_size=4), st.integers(1, 5))
def test_any_cuts_give_the_same_detections_to_the_last_digit(
    model: Model, talk: Path, cuts: set[int], lanes: int
) -> None:
    spans = spans_between(recording(talk), [SEGMENT_SAMPLES * each for each in sorted(cuts)])
    expected = in_one_go(model, talk)
    assert len(expected) > 15
    assert heard(model, spans, lanes) == expected


def test_a_cut_forgets_nothing_that_the_encoder_of_kwsd_en_knows() -> None:
    """Beyond `reach_segments` not one bit of its output depends on what came before."""
    model = Model.load("kwsd-en")
    chance = np.random.default_rng(0)
    sound = np.concatenate([chance.normal(0, 0.1, 20 * SAMPLE_RATE), np.tile(chance.normal(0, 0.03, 5120), 175)])
    other = sound.copy()
    other[: 20 * SAMPLE_RATE] *= 0.01
    first, second = (_frames(model, each.astype(np.float32)) for each in (sound, other))
    known = 20 * SAMPLE_RATE // SEGMENT_SAMPLES + model.encoder.reach_segments
    apart = [not np.array_equal(one, two) for one, two in zip(first, second, strict=True)]
    assert not any(apart[known:])
    assert len(apart) > known
    assert any(apart[known - 20 :]) or any(apart[known - 40 :])  # and the bound is not far from what is so


def _frames(model: Model, sound: Floats) -> list[Floats]:
    stream = AcousticStream(model, numpy_features=True)
    return [np.array(each.encoder_out) for each in stream.push(Chunk(0, sound, "noise"))]


def test_a_cut_that_reaches_over_the_end_of_the_sound_loses_nothing(model: Model, talk: Path, tmp_path: Path) -> None:
    """A header may promise more than there is: the last words come from whichever span the sound ends in."""
    sound, _ = soundfile.read(talk, dtype="float32")
    short = tmp_path / "short.wav"
    soundfile.write(short, sound[: 30 * SAMPLE_RATE], SAMPLE_RATE)
    whole = in_one_go(model, short)
    for end in (29.7, 30.3, 31.0, 46.0):
        at = int(end * SAMPLE_RATE / SEGMENT_SAMPLES) * SEGMENT_SAMPLES
        assert heard(model, spans_between(recording(short), [at])) == whole


@pytest.mark.parametrize("rate", [8000, 44100])
def test_other_rates_are_cut_at_the_very_sample(model: Model, talk: Path, tmp_path: Path, rate: int) -> None:
    """The resampler begins elsewhere, which is 1e-7 of full scale: times are the same, scores to four digits."""
    sound, _ = soundfile.read(talk, dtype="float32")
    path = tmp_path / f"{rate}.flac"
    soundfile.write(path, soxr.resample(sound[: 48 * SAMPLE_RATE], SAMPLE_RATE, rate), rate)
    told = recording(path)
    assert told.can_be_cut
    parts = heard(model, spans_between(told, [3 * GRID_SAMPLES, 5 * GRID_SAMPLES]))
    whole = heard(model, [FileSpan(told)])
    assert [(each["keyword"], each["start"]) for each in parts] == [(each["keyword"], each["start"]) for each in whole]
    assert [each["score"] for each in parts] == pytest.approx([each["score"] for each in whole], abs=1e-3)


def test_stereo_that_cancels_is_heard_by_the_same_channel_behind_a_cut(
    model: Model, talk: Path, tmp_path: Path
) -> None:
    sound, _ = soundfile.read(talk, dtype="float32")
    path = tmp_path / "opposite.wav"
    soundfile.write(path, np.stack([sound, -sound], axis=1), SAMPLE_RATE)
    told = recording(path)
    assert heard(model, spans_between(told, [4 * GRID_SAMPLES])) == heard(model, [FileSpan(told)])


def test_what_cannot_be_cut_is_one_span(tmp_path: Path, talk: Path) -> None:
    sound, _ = soundfile.read(talk, dtype="float32")
    path = tmp_path / "talk.ogg"
    soundfile.write(path, sound, SAMPLE_RATE)
    assert cut(recording(path), 8.0) == [FileSpan(recording(path))]
    assert len(cut(recording(talk), 8.0)) == 6


@given(st.lists(st.floats(0, 40_000), max_size=40), st.integers(1, 8))
def test_spans_cover_every_recording_once_and_are_shared_out_evenly(durations: list[float], workers: int) -> None:
    spans = [span for number, each in enumerate(durations) for span in cut(ArchivedFile(str(number), "", each, True))]
    for each in spans:
        assert each.start_sample % SEGMENT_SAMPLES == 0
    for before, after in pairwise(spans):
        assert before.recording != after.recording or before.end_sample == after.start_sample
    shared = list(pieces(spans, workers))
    assert sorted(span.key for piece in shared for span in piece) == sorted(span.key for span in spans) or not spans


def test_a_piece_has_as_many_spans_as_are_encoded_at_a_time() -> None:
    """One hour of calls cost a half more where four pieces were made of each worker's 16."""
    spans = [FileSpan(ArchivedFile(str(number), "", 60.0, can_be_cut=True)) for number in range(64)]
    assert [len(piece) for piece in pieces(spans, 1)] == [16] * 4
    assert [len(piece) for piece in pieces(spans[:16], 1)] == [16]
    assert [len(piece) for piece in pieces(spans[:16], 2)] == [8, 8]


def test_a_lane_gives_frames_as_they_come(model: Model, talk: Path) -> None:
    """Memory stays flat: frames of a span are there long before its end, and those of others between them."""
    spans = spans_between(recording(talk), [4 * GRID_SAMPLES])
    order = [made.span for made in encode_spans(model, spans, open_span) if made.frames]
    changes = sum(before != after for before, after in pairwise(order))
    assert changes > 4
