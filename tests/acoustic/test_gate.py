"""The quiet gate: it closes in a quiet room and loses nothing of what is said there, however it is said and cut."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd import Keyword, Model, Spotter, load_keywords
from kwsd.acoustic.fbank import NUM_BINS
from kwsd.acoustic.gate import QuietGate, Room, Segment
from kwsd.acoustic.stream import AcousticStream, encode
from kwsd.events import Detection
from kwsd.stream import Chunk, Float32, Frames
from kwsd.timebase import SAMPLE_RATE
from testkit.tiny_model import silence, speak

HANG_OVER = 3
SHIFT = 32
KNOWN_SEGMENTS, PROOF_SEGMENTS = 16, 94  # of 320 ms: 5 s and 30 s
LEVEL = -9.0  # nats, of a room of -60 dBFS
SHARED = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


def fbank(level: float, *, louder: float = 0.0, frames: int = 0, seed: int = 0) -> Float32:
    """A segment of steady noise, the last frames of which are louder."""
    segment = np.random.default_rng(seed).normal(level, 0.5, (45, NUM_BINS)).astype(np.float32)
    segment[45 - frames :] += louder
    return segment


def known_room(level: float = LEVEL) -> Room:
    room = Room(KNOWN_SEGMENTS)
    for number in range(2 * KNOWN_SEGMENTS):
        room.stands_out(fbank(level, seed=number))
    return room


def test_nothing_is_known_of_a_room_for_five_seconds() -> None:
    room = Room(KNOWN_SEGMENTS)
    found = [room.stands_out(fbank(LEVEL, seed=number)) for number in range(KNOWN_SEGMENTS + 2)]
    assert found == [True] * (KNOWN_SEGMENTS - 1) + [False] * 3


@pytest.mark.parametrize(
    ("louder", "frames", "stands_out"),
    [(1.5, 9, True), (1.5, 20, True), (0.4, 30, False), (6.0, 5, False)],
    ids=["whisper", "longer whisper", "a little louder", "click"],
)
def test_whispers_stand_out_and_clicks_do_not(louder: float, frames: int, stands_out: bool) -> None:
    assert known_room().stands_out(fbank(LEVEL, louder=louder, frames=frames)) is stands_out


def test_a_loud_room_is_never_quiet() -> None:
    assert known_room(-4.0).stands_out(fbank(-4.0))


def test_behind_speech_a_softer_word_stands_out() -> None:
    room = known_room()
    for number in range(KNOWN_SEGMENTS):  # half of it pauses
        room.stands_out(fbank(LEVEL, louder=9.0, frames=22, seed=number))
    assert room.stands_out(fbank(LEVEL, louder=6.0, frames=20))


def test_what_came_just_before_a_sound_is_heard_too_and_later() -> None:
    """1. It is quiet. 2. One segment is loud. 3. It is quiet again.

    Result: two segments before it and the hang-over behind it are heard, in order, none twice and none left out.
    """
    gate, passed = QuietGate(HANG_OVER, SHIFT), []
    for number in range(60):
        loud = number == 40
        segment = Segment(0, number, fbank(LEVEL, louder=3.0 * loud, frames=20, seed=number), 5_000 * number)
        passed += gate.push(segment)
    passed += gate.reset()
    assert [segment.number for segment in passed] == list(range(60))
    heard = [segment.number for segment in passed if not segment.quiet and segment.number > 2 * KNOWN_SEGMENTS]
    assert heard == [38, 39, 40, 41, 42, 43]
    assert all(segment.arrived_sample == 5_000 * 40 for segment in passed[38:41])
    assert gate.quiet.spared == sum(segment.quiet for segment in passed)


def test_after_half_a_minute_of_quiet_one_segment_is_heard_all_the_same() -> None:
    gate, passed = QuietGate(HANG_OVER, SHIFT), []
    for number in range(3 * PROOF_SEGMENTS):
        passed += gate.push(Segment(0, number, fbank(LEVEL, seed=number), 0))
    first = next(segment.number for segment in passed if segment.quiet)
    heard = [segment.number - first + 1 for segment in passed if not segment.quiet and segment.number > first]
    assert heard == [PROOF_SEGMENTS, 2 * PROOF_SEGMENTS]


@pytest.mark.parametrize("shift", [32, 16])
def test_times_are_the_same_whatever_the_segments(shift: int) -> None:
    """It closes after five seconds and proves that it hears every thirty, in segments of 320 ms and of 160 ms."""
    gate = QuietGate(HANG_OVER, shift)
    assert gate.known_segments * shift / 100 == pytest.approx(5.0, abs=0.2)
    assert gate.proof_segments * shift / 100 == pytest.approx(30.0, abs=0.2)
    numbers = range(40_00 // shift)
    passed = [one for number in numbers for one in gate.push(Segment(0, number, fbank(LEVEL, seed=number), 0))]
    assert next(one.number for one in passed if one.quiet) * shift / 100 == pytest.approx(5.4, abs=0.7)


def room_with_words(seed: int = 0) -> Float32:
    """LIGHTS ON waits for LIGHTS ON STOP, which never comes; between the words it is quiet for long."""
    parts = [silence(8.0), speak("LIGHTS ON"), silence(9.0), speak("STOP"), silence(4.0)]
    sound = np.concatenate(parts)
    return sound + np.random.default_rng(seed).normal(0, 1e-3, len(sound)).astype(np.float32)


def frames_of(model: Model, chunks: list[Chunk]) -> list[Frames]:
    stream = AcousticStream(model, QuietGate(HANG_OVER, SHIFT))
    return [frames for chunk in chunks for frames in stream.push(chunk)] + stream.finish()


def test_frames_count_on_and_the_words_are_heard(model: Model) -> None:
    sound = room_with_words()
    spotter = Spotter(model, [Keyword("LIGHTS ON"), Keyword("LIGHTS ON STOP"), Keyword("STOP")], quiet_gate=True)
    told = [*spotter.accept(sound), *spotter.finish()]
    assert [detection.keyword for detection in told] == ["LIGHTS ON", "STOP"]
    frames = frames_of(model, [Chunk(0, sound, "")])
    assert [each.first for each in frames] == [8 * number for number in range(len(frames))]
    assert spotter.quiet is not None
    assert 0.3 < spotter.quiet.spared / spotter.quiet.segments < 0.7
    plain = Spotter(model, [Keyword("LIGHTS ON"), Keyword("LIGHTS ON STOP"), Keyword("STOP")])
    expected = [*plain.accept(sound), *plain.finish()]
    assert [(each.keyword, each.start, each.score) for each in told] == [
        (each.keyword, each.start, each.score) for each in expected
    ]
    assert plain.quiet is None


@given(cuts=st.lists(st.integers(0, 300_000), max_size=12))
@settings(max_examples=10, suppress_health_check=SHARED, deadline=None)
def test_cuts_change_nothing(model: Model, cuts: list[int]) -> None:
    sound = room_with_words()
    edges = [0, *sorted(cut for cut in cuts if cut < len(sound)), len(sound)]
    one = frames_of(model, [Chunk(0, sound, "")])
    other = frames_of(model, [Chunk(a, sound[a:b], "") for a, b in pairwise(edges)])
    assert [(each.first, each.kind, each.arrived_sample) for each in one] == [
        (each.first, each.kind, each.arrived_sample) for each in other
    ]
    for a, b in zip(one, other, strict=True):
        assert a.kind == "quiet" or np.array_equal(a.encoder_out, b.encoder_out)  # type: ignore[arg-type]


def test_a_quiet_stream_is_no_burden_to_a_loud_one_beside_it(model: Model) -> None:
    quiet = np.random.default_rng(1).normal(0, 1e-3, 20 * SAMPLE_RATE).astype(np.float32)
    loud = np.concatenate([speak("LIGHTS ON"), silence(0.5)] * 20)[: 20 * SAMPLE_RATE]
    streams = [AcousticStream(model, QuietGate(HANG_OVER, SHIFT)) for _ in range(2)]
    for stream, sound in zip(streams, (quiet, loud), strict=True):
        stream.take(Chunk(0, sound, ""))
    told = encode(streams)
    assert {frames.kind for frames in told[0][KNOWN_SEGMENTS + HANG_OVER :]} == {"quiet"}
    alone = frames_of(model, [Chunk(0, loud, "")])
    for a, b in zip(told[1], alone, strict=False):
        assert a.kind == b.kind == "heard"
        assert np.allclose(a.encoder_out, b.encoder_out, atol=1e-4)  # type: ignore[arg-type]


def test_behind_a_gap_the_room_is_unknown_and_what_was_held_is_quiet(model: Model) -> None:
    quiet = np.random.default_rng(1).normal(0, 1e-3, 8 * SAMPLE_RATE).astype(np.float32)
    frames = frames_of(model, [Chunk(0, quiet, ""), Chunk(30 * SAMPLE_RATE, quiet, "")])
    for origin in (0, 30 * SAMPLE_RATE):
        kinds = [each.kind for each in frames if each.origin_sample == origin]
        assert kinds[:KNOWN_SEGMENTS] == ["heard"] * KNOWN_SEGMENTS
        assert kinds[-2:] == ["quiet", "quiet"]


def test_a_phrase_that_may_pause_for_long_keeps_the_gate_open(model: Model) -> None:
    parts = [silence(8.0), speak("LIGHTS"), silence(2.5), speak("ON"), silence(4.0)]
    sound = np.concatenate(parts) + np.random.default_rng(0).normal(0, 1e-3, sum(map(len, parts))).astype(np.float32)
    patient = Keyword("LIGHTS ON", max_gap_s=4.0)
    spotters = [Spotter(model, [patient], quiet_gate=True), Spotter(model, ["STOP"], quiet_gate=True)]
    spotters[1].replace(spotters[1].compile([patient]))
    for spotter in spotters:
        told = [event for event in spotter.push(Chunk(0, sound, "")) if isinstance(event, Detection)]
        assert [event.keyword for event in told] == ["LIGHTS ON"]


def test_the_demo_is_heard_the_same_with_the_gate_and_its_cheaper_features() -> None:
    root = Path(__file__).parents[2]
    model = Model.load(root / "models" / "kwsd-en", same_everywhere=True)  # an int8 export of arm64 is 80 ms apart
    keywords = load_keywords(root / "keywords" / "demo.txt", model)
    sound, _ = soundfile.read(root / "models" / "demo.wav", dtype="float32")
    plain, gated = Spotter(model, keywords), Spotter(model, keywords, quiet_gate=True)
    expected = [*plain.accept(sound), *plain.finish()]
    told = [*gated.accept(sound), *gated.finish()]
    assert len(expected) == 6
    assert [each.keyword for each in told] == [each.keyword for each in expected]
    for one, other in zip(told, expected, strict=True):
        assert one.end == pytest.approx(other.end, abs=0.041)
        assert one.score == pytest.approx(other.score, abs=0.03)
