"""The automatic gain: faint speech is lifted, slowly and however it is cut; noise alone is not."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd import Model
from kwsd.acoustic.fbank import Fbank
from kwsd.acoustic.gain import AutomaticGain
from kwsd.acoustic.gate import QuietGate
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Chunk, Float32, Frames
from kwsd.timebase import SAMPLE_RATE
from testkit.tiny_model import silence, speak

SEGMENT, SHIFT = 45, 32


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


def gain_after(sound: Float32) -> float:
    """What is added once all of it has been heard, dB."""
    gain = AutomaticGain(SHIFT)
    for fbank in Fbank(SEGMENT, SHIFT).accept(sound):
        gain.push(fbank)
    return gain.decibels


def hiss(dbfs: float, seconds: float = 4.0) -> Float32:
    noise = np.random.default_rng(0).normal(0, 10 ** (dbfs / 20), round(seconds * SAMPLE_RATE))
    return np.asarray(noise, np.float32)


def voice(dbfs: float, seconds: float = 0.5) -> Float32:
    """Harmonics of 120 Hz that swell and fade, over a faint hiss, and a pause behind."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    harmonics = sum(np.sin(2 * np.pi * 120 * number * time) / number**1.5 for number in range(1, 30))
    swelling = harmonics * np.sin(np.pi * time / seconds)
    said = swelling * 10 ** (dbfs / 20) / np.sqrt(np.mean(np.square(swelling)))
    return np.concatenate([said, np.zeros(SAMPLE_RATE)]).astype(np.float32) + hiss(-105.0, seconds + 1.0)


def test_faint_speech_is_lifted_bit_by_bit_and_never_by_more_than_30_db() -> None:
    gains = [gain_after(np.tile(voice(-55.0), times)) for times in (1, 2, 4, 20)]
    assert gains[0] < 15
    assert gains == sorted(gains)
    assert gains[-1] == 30.0


def test_speech_of_ordinary_loudness_is_left_alone() -> None:
    assert gain_after(np.tile(voice(-20.0), 10)) == 0.0


def test_louder_speech_takes_it_back_at_once() -> None:
    faint = np.tile(voice(-55.0), 20)
    assert gain_after(np.concatenate([faint, voice(-20.0)])) == 0.0


@pytest.mark.parametrize("dbfs", [-40.0, -55.0, -70.0])
def test_neither_hiss_nor_hum_raises_it(dbfs: float) -> None:
    """1. It is still. 2. Noise comes on. 3. It goes off. Three times over."""
    time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    hum = (10 ** (dbfs / 20) * np.sin(2 * np.pi * 150 * time)).astype(np.float32) + hiss(-90.0, 6.0)
    still = hiss(-90.0, 3.0)
    for noise in (hum, hiss(dbfs, 6.0), hiss(dbfs, 0.5)):
        assert gain_after(np.tile(np.concatenate([still, noise]), 3)) == 0.0


def test_clicks_do_not_raise_it() -> None:
    clicks = np.tile(np.concatenate([voice(-55.0, 0.04), hiss(-105.0, 0.5)]), 20)
    assert gain_after(clicks) == 0.0


def frames_of(model: Model, sound: Float32, cuts: list[int], *, gate: bool) -> list[Frames]:
    shift = model.encoder.shift_frames
    stream = AcousticStream(model, QuietGate(3, shift) if gate else None)
    stream.gain = AutomaticGain(shift)
    ends = [0, *sorted(cuts), len(sound)]
    pieces = [Chunk(start, sound[start:end], "") for start, end in pairwise(ends)]
    return [frames for piece in pieces for frames in stream.push(piece)] + stream.finish()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 6 * SAMPLE_RATE), max_size=8), gate=st.booleans())
def test_cuts_of_the_sound_change_nothing(model: Model, cuts: list[int], gate: bool) -> None:
    sound = np.concatenate([0.001 * speak("GO LEFT"), silence(1.0), 0.001 * speak("STOP"), silence(1.0)])
    sound = np.tile(sound, 3).astype(np.float32) + hiss(-100.0, 3 * len(sound) / SAMPLE_RATE)[: 3 * len(sound)]
    whole = frames_of(model, sound, [], gate=gate)
    cut = frames_of(model, sound, [min(place, len(sound)) for place in cuts], gate=gate)
    assert [frames.gain_db for frames in cut] == [frames.gain_db for frames in whole]
    for one, other in zip(cut, whole, strict=True):
        assert one.kind == other.kind
        if one.encoder_out is not None and other.encoder_out is not None:
            np.testing.assert_allclose(one.encoder_out, other.encoder_out, atol=1e-4)


def test_the_encoder_hears_what_the_gain_makes_of_it(model: Model) -> None:
    """Frames tell the gain, and keep the power as it was."""
    sound = np.tile(voice(-55.0), 8)
    lifted = frames_of(model, sound, [], gate=False)
    plain = AcousticStream(model)
    for one, other in zip(lifted, [*plain.push(Chunk(0, sound, "")), *plain.finish()], strict=True):
        np.testing.assert_array_equal(one.power, other.power)
        assert one.encoder_out is not None
        assert other.encoder_out is not None
        same = bool(np.allclose(one.encoder_out, other.encoder_out, atol=1e-6))
        assert same or any(frames.gain_db for frames in lifted[: lifted.index(one) + 1])
    assert lifted[-1].gain_db > 10
