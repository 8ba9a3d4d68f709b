"""Features: Kaldi's to 4e-4 however sound is cut, bit for bit the same in every cut, for as long as a daemon lives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.acoustic.fbank import NUM_BINS, Fbank
from kwsd.acoustic.kaldi_fbank import KaldiFbank
from kwsd.stream import Float32

SIZES = [(45, 32), (29, 16)]
"""Segment and shift of 320 and 160 ms."""
NEAR = 4e-4


def sound(samples: int, loudness: float = 0.1) -> Float32:
    """Noise that rises and falls, so that every frame is another."""
    ramp = loudness * (1.0 + np.sin(np.arange(samples) / 3000))
    return (np.random.default_rng(7).normal(0, 1.0, samples) * ramp).clip(-1, 1).astype(np.float32)


def segments(features: Fbank | KaldiFbank, pieces: list[Float32]) -> Float32:
    found = [segment.copy() for piece in pieces for segment in features.accept(piece)]
    return np.array(found, np.float32).reshape(-1, NUM_BINS)


@settings(max_examples=30)
@given(st.lists(st.integers(0, 48_000), max_size=12), st.sampled_from(SIZES))
def test_however_sound_is_cut_it_is_kaldis(cuts: list[int], sizes: tuple[int, int]) -> None:
    whole = sound(48_000)
    pieces = np.split(whole, sorted(cuts))
    found = segments(Fbank(*sizes), pieces)
    assert np.array_equal(found, segments(Fbank(*sizes), [whole]))
    expected = segments(KaldiFbank(*sizes), pieces)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < NEAR


@pytest.mark.parametrize("loudness", [0.0, 1e-4, 0.5])
def test_silence_and_loud_sound_are_kaldis(loudness: float) -> None:
    whole = sound(32_000, loudness)
    apart = segments(Fbank(45, 32), [whole]) - segments(KaldiFbank(45, 32), [whole])
    assert np.abs(apart).max() < NEAR


def test_a_tone_and_an_offset_are_kaldis() -> None:
    """But for bins far below the tone, which hold what float32 rounded off, in both."""
    whole = (0.3 + 0.2 * np.sin(np.arange(32_000) * 0.2)).astype(np.float32)
    found, expected = (np.exp(segments(each, [whole])) for each in (Fbank(45, 32), KaldiFbank(45, 32)))
    loudest = expected.max(axis=1, keepdims=True)
    assert (np.abs(found - expected) < NEAR * expected + 1e-9 * loudest).all()


def test_segments_and_the_callers_sound_stay_apart() -> None:
    """The caller may use its buffer again, and a segment does not change when more sound comes."""
    features, buffer, whole = Fbank(45, 32), np.zeros(1000, np.float32), sound(32_000)
    found = []
    for start in range(0, len(whole), len(buffer)):
        buffer[:] = whole[start : start + len(buffer)]
        found += list(features.accept(buffer))
    assert np.array_equal(np.concatenate(found), segments(Fbank(45, 32), [whole]))
