"""Streams of several threads in one call of the encoder: each gets what it would get alone, and hears of a failure."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd import Model
from kwsd.acoustic.caches import State
from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.gather import GatheringEncoder
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Chunk, Float32, Frames
from kwsd.timebase import SAMPLE_RATE

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "models" / "kwsd-en"
STREAMS = 16
CHUNK = 5120


@pytest.fixture(scope="module")
def gathered() -> Model:
    """The model that ships, its encoder shared by threads."""
    model = Model.load(SHIPPED)
    model.encoder = GatheringEncoder(model.encoder)
    return model


def sounds() -> list[Float32]:
    """4 s of somebody speaking softly, and fifteen neighbours who are a hundred times as loud, each out of step."""
    spoken, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="float32", frames=4 * SAMPLE_RATE)
    loud = [np.roll(spoken, 3000 * number) / np.abs(spoken).max() for number in range(1, STREAMS)]
    return [0.01 * spoken, *loud]


def heard(stream: AcousticStream, sound: Float32, turn: threading.Barrier | None = None) -> list[Frames]:
    """All frames of a sound, chunk by chunk; each chunk when all the others have theirs."""
    frames = []
    for start in range(0, len(sound), CHUNK):
        if turn:
            turn.wait(30)
        frames += stream.push(Chunk(start, sound[start : start + CHUNK], ""))
    return frames


def test_a_soft_stream_gives_the_same_frames_beside_fifteen_loud_ones(gathered: Model) -> None:
    turn, alone = threading.Barrier(STREAMS), Model.load(SHIPPED)
    with ThreadPoolExecutor(STREAMS) as threads:
        beside = list(threads.map(lambda sound: heard(AcousticStream(gathered), sound, turn), sounds()))
    assert isinstance(gathered.encoder, GatheringEncoder)
    assert gathered.encoder.gathered > STREAMS  # the machine may be too busy for all to come together every time
    for sound, frames in zip(sounds(), beside, strict=True):
        expected = heard(AcousticStream(alone), sound)
        assert [(each.first, each.count, each.kind) for each in frames] == [
            (each.first, each.count, each.kind) for each in expected
        ]
        for one, other in zip(frames, expected, strict=True):
            assert one.encoder_out is not None
            assert other.encoder_out is not None
            assert np.abs(one.encoder_out - other.encoder_out).max() < 1e-4


def test_what_a_stream_says_alone_is_not_counted_as_gathered() -> None:
    model = Model.load(SHIPPED)
    model.encoder = encoder = GatheringEncoder(model.encoder)
    assert heard(AcousticStream(model), sounds()[0])
    assert encoder.gathered == 0


def test_a_call_that_fails_is_told_to_all_who_waited_for_it(gathered: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever, and nobody takes the silence for sound in which nothing was said."""

    def broken(_self: Encoder, _segments: Sequence[Float32], _states: Sequence[State]) -> None:
        raise RuntimeError("the graph cannot go on")

    monkeypatch.setattr(Encoder, "run", broken)
    turn, told = threading.Barrier(3), []

    def listen() -> None:
        try:
            heard(AcousticStream(gathered), sounds()[1], turn)
        except (RuntimeError, threading.BrokenBarrierError) as error:
            turn.abort()
            told.append(str(error))

    threads = [threading.Thread(target=listen) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert "the graph cannot go on" in told
    assert len(told) == len(threads)


def test_one_whom_the_graph_refuses_fails_alone(gathered: Model) -> None:
    """A segment of another shape fails the call for all; the others are heard all the same."""
    encoder, turn = gathered.encoder, threading.Barrier(2)
    shape = (encoder.segment_frames, 80)

    def run(frames: tuple[int, int]) -> object:
        turn.wait(30)
        try:
            return encoder.run([np.zeros(frames, np.float32)], [encoder.initial_state()])[0][0].shape
        except Exception as error:  # noqa: BLE001  whatever NumPy or onnxruntime say
            return type(error)

    with ThreadPoolExecutor(2) as threads:
        good, bad = threads.map(run, [shape, (7, 80)])
    assert good == (encoder.output_frames, encoder.width)
    assert isinstance(bad, type)
