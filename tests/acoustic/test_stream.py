"""Chunks in, Frames out: cuts change nothing, gaps are silence or a new origin, streams do not know each other."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd import Keyword, Model, Spotter
from kwsd.acoustic.frame_file import FrameFile, FrameFileError
from kwsd.acoustic.stream import AcousticStream, encode
from kwsd.events import Detection
from kwsd.stream import NO_SAMPLES, Chunk, Float32, Frames
from testkit.tiny_model import silence, speak

RATE = 16_000
SHARED = [HealthCheck.function_scoped_fixture]


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


def sound() -> Float32:
    return np.concatenate([silence(0.3), speak("LIGHTS ON"), silence(0.4), speak("STOP"), silence(0.9)])


def same(one: list[Frames], other: list[Frames], tolerance: float = 0.0) -> bool:
    return len(one) == len(other) and all(
        (a.origin_sample, a.first, a.count, a.kind, a.arrived_sample)
        == (b.origin_sample, b.first, b.count, b.kind, b.arrived_sample)
        and np.array_equal(a.power, b.power)
        and np.allclose(heard_in(a), heard_in(b), rtol=0, atol=tolerance)
        for a, b in zip(one, other, strict=True)
    )


def heard_in(frames: Frames) -> Float32:
    return np.zeros((8, 1), np.float32) if frames.encoder_out is None else frames.encoder_out


def frames_of(model: Model, chunks: list[Chunk]) -> list[Frames]:
    stream = AcousticStream(model)
    return [frames for chunk in chunks for frames in stream.push(chunk)] + stream.finish()


@given(cuts=st.lists(st.integers(0, 60_000), max_size=12), start=st.integers(0, 10**9))
@settings(max_examples=20, suppress_health_check=SHARED, deadline=None)
def test_cuts_change_nothing(model: Model, cuts: list[int], start: int) -> None:
    heard = sound()
    edges = [0, *sorted(cut for cut in cuts if cut < len(heard)), len(heard)]
    pieces = [Chunk(start + a, heard[a:b], "") for a, b in pairwise(edges)]
    assert same(frames_of(model, [Chunk(start, heard, "")]), frames_of(model, pieces))


@pytest.mark.parametrize("gap", [1, 5_000, RATE])
def test_a_short_gap_is_silence(model: Model, gap: int) -> None:
    heard = sound()
    filled = Chunk(0, np.concatenate([heard, np.zeros(gap, np.float32), heard]), "")
    assert same(frames_of(model, [filled]), frames_of(model, [Chunk(0, heard, ""), Chunk(len(heard) + gap, heard, "")]))


def test_a_longer_gap_is_a_new_origin_and_what_was_said_before_it_comes_out(model: Model) -> None:
    heard, later = sound(), 10**6
    frames = frames_of(model, [Chunk(0, heard, ""), Chunk(later, heard, "")])
    alone = frames_of(model, [Chunk(0, heard, "")])
    assert same([each for each in frames if each.origin_sample == 0], alone)
    anew = [each for each in frames if each.origin_sample == later]
    assert (anew[0].first, anew[0].arrived_sample) == (0, alone[0].arrived_sample + later)
    assert np.array_equal(anew[0].power, alone[0].power)


def test_a_chunk_without_sound_is_a_sign_of_life(model: Model) -> None:
    stream = AcousticStream(model)
    assert stream.push(Chunk(700, NO_SAMPLES, "")) == []
    assert stream.next_sample == 700


def test_misuse_is_named(model: Model) -> None:
    stream = AcousticStream(model)
    stream.push(Chunk(0, silence(1.0), ""))
    with pytest.raises(ValueError, match="begins at sample 15999"):
        stream.push(Chunk(RATE - 1, silence(1.0), ""))
    stream.finish()
    with pytest.raises(ValueError, match="has finished"):
        stream.push(Chunk(RATE, silence(1.0), ""))
    assert AcousticStream(model).finish() == []


def test_streams_encoded_together_give_what_they_give_alone(model: Model) -> None:
    """One is silent, one speaks, one began later; the others are never known to any of them."""
    chunks = [Chunk(0, silence(2.0), ""), Chunk(0, sound(), ""), Chunk(9_999, sound()[3_000:], "")]
    streams = [AcousticStream(model) for _ in chunks]
    for stream, chunk in zip(streams, chunks, strict=True):
        stream.take(chunk)
    for together, chunk in zip(encode(streams), chunks, strict=True):
        assert together
        assert same(together, AcousticStream(model).push(chunk), tolerance=1e-4)


def test_a_stream_that_fails_fails_alone(model: Model) -> None:
    well, ill = AcousticStream(model), AcousticStream(model)
    for stream in (well, ill):
        stream.push(Chunk(0, silence(1.0), ""))
        stream.take(Chunk(RATE, silence(0.64), ""))
    ill.state[0][...] = np.nan
    kinds = [[frames.kind for frames in result] for result in encode([well, ill])]
    assert kinds == [["heard", "heard"], ["failed", "heard"]]


@given(cuts=st.lists(st.integers(1, 30_000), min_size=1, max_size=6), gaps=st.lists(st.integers(0, 40_000), min_size=6))
@settings(max_examples=10, suppress_health_check=SHARED, deadline=None)
def test_frames_read_back_give_the_same_detections(
    model: Model, tmp_path: Path, cuts: list[int], gaps: list[int]
) -> None:
    heard, at, lost = sound(), 0, 0
    chunks: list[Chunk] = []
    for cut, gap in zip(cuts, gaps, strict=False):
        chunks.append(Chunk(at + lost, heard[at : at + cut], ""))
        at, lost = at + len(chunks[-1].samples), lost + gap
    chunks.append(Chunk(at + lost, heard[at:], ""))
    frames = frames_of(model, chunks)
    with FrameFile.create(tmp_path / "a.frames", model.encoder) as file:
        for each in frames:
            file.write(each)
    kept = FrameFile(tmp_path / "a.frames")
    assert kept.fingerprint == model.encoder.fingerprint
    assert same(list(kept.read()), frames)
    keywords = [Keyword("LIGHTS ON"), Keyword("STOP")]
    live, again = Spotter(model, keywords), Spotter(model, keywords)
    expected = [event for chunk in chunks for event in live.push(chunk)] + live.finish()
    told = [event for each in kept.read() for event in again.search(each)]
    assert [event for event in told if isinstance(event, Detection)] == [
        event for event in expected if isinstance(event, Detection)
    ]


def test_half_the_digits_keep_the_detections_nearly(model: Model, tmp_path: Path) -> None:
    with FrameFile.create(tmp_path / "a.frames", model.encoder, "float16") as file:
        for each in frames_of(model, [Chunk(0, sound(), "")]):
            file.write(each)
    spotter = Spotter(model, [Keyword("LIGHTS ON"), Keyword("STOP")])
    told = [event for each in FrameFile(tmp_path / "a.frames").read() for event in spotter.search(each)]
    assert [event.keyword for event in told if isinstance(event, Detection)] == ["LIGHTS ON", "STOP"]


def test_a_file_that_is_none_of_ours_is_named(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "a.frames"
    for content in (b"", b"RIFF", b'{"format": 1}\n'):
        path.write_bytes(content)
        with pytest.raises(FrameFileError, match="not a file of encoder frames"):
            FrameFile(path)
    with FrameFile.create(path, model.encoder) as file:
        for each in frames_of(model, [Chunk(0, sound(), "")]):
            file.write(each)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FrameFileError, match="cut off"):
        list(FrameFile(path).read())
