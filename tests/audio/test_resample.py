"""Resampling: the same however the sound is cut, in time, and without aliases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.audio.resample import Resampler
from kwsd.audio.source import Samples
from kwsd.timebase import SAMPLE_RATE

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]


def resample(samples: Samples, rate_hz: int, cuts: list[int] | None = None) -> Samples:
    resampler = Resampler(rate_hz)
    parts = [resampler.accept(part) for part in np.split(samples, sorted(cuts or []))]
    return np.concatenate([*parts, resampler.finish()])


def tone(frequency_hz: float, rate_hz: int, duration_s: float = 1.0) -> Samples:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32)


def loudness(samples: Samples) -> float:
    """Amplitude of a tone, its ends left out, where the filter rings."""
    return float(np.std(samples[2_000:-2_000]) * np.sqrt(2))


@settings(deadline=None, max_examples=60)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    length=st.integers(0, 6_000),
    cuts=st.lists(st.integers(0, 6_000), max_size=12),
    seed=st.integers(0, 9),
)
def test_any_split_equals_the_whole(rate_hz: int, length: int, cuts: list[int], seed: int) -> None:
    sound = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    assert np.array_equal(resample(sound, rate_hz, cuts), resample(sound, rate_hz))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_speech_band_keeps_its_place_in_time(rate_hz: int) -> None:
    heard = resample(tone(1_000, rate_hz), rate_hz)
    assert abs(len(heard) - SAMPLE_RATE) <= 1
    difference = heard[2_000:-2_000] - tone(1_000, SAMPLE_RATE)[: len(heard)][2_000:-2_000]
    assert np.abs(difference).max() < 1e-3


@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_what_16_khz_cannot_carry_is_gone(rate_hz: int) -> None:
    assert loudness(resample(tone(9_000, rate_hz), rate_hz)) < 1e-5
    assert loudness(resample(tone(7_000, rate_hz), rate_hz)) == pytest.approx(0.5, rel=0.02)


@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_delay_is_short_enough_to_listen_live(rate_hz: int) -> None:
    resampler = Resampler(rate_hz)
    heard = sum(resampler.accept(part).size for part in np.split(np.zeros(rate_hz, np.float32), 50))
    assert (SAMPLE_RATE - heard) / SAMPLE_RATE < 0.13
