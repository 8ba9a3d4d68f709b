"""Sound that repeats itself is told in any cuts, behind a resampler too; what a room gives is none."""

import numpy as np
import pytest
import soxr

from kwsd.audio.repetition import SEARCH_S, Repetition
from kwsd.timebase import SAMPLE_RATE, samples

SECOND = SAMPLE_RATE
rng = np.random.default_rng(11)


def repeated_s(sound: np.ndarray, seed: int = 0) -> tuple[float, int]:
    """Sound in random pieces → how long it has repeated itself, and after how many samples."""
    repetition, cuts = Repetition(), np.random.default_rng(seed)
    at = 0
    while at < len(sound):
        size = int(cuts.integers(1, 6000))
        repetition.push(sound[at : at + size].astype(np.float32))
        at += size
    return repetition.repeated / SAMPLE_RATE, repetition.period


@pytest.mark.parametrize("period", [1, 2, 160, 341, 16_000, 31_000])
@pytest.mark.parametrize("seed", range(3))
def test_any_period_in_any_cuts(period: int, seed: int) -> None:
    sound = np.concatenate([rng.normal(0, 0.01, SECOND), np.resize(rng.normal(0, 0.1, period), 12 * SECOND)])
    heard_s, found = repeated_s(sound, seed)
    assert found == period
    assert heard_s >= 12 - SEARCH_S - period / SAMPLE_RATE - 0.8  # a piece or two


def test_behind_a_resampler() -> None:
    """1,024 frames of 48 kHz are no whole number of samples of 16 kHz: three of them are."""
    buffer = np.round(rng.normal(0, 3000, 1024)) / 32768
    resampled = soxr.resample(np.resize(buffer, 13 * 48_000).astype(np.float32), 48_000, SAMPLE_RATE)
    heard_s, period = repeated_s(resampled[:-SECOND])  # whose end is heard against nothing
    assert period == 1024
    assert heard_s > 10


def test_the_faintest_noise_a_tone_and_a_hum_through_a_microphone_are_none() -> None:
    """In 16 bits: two steps of noise; a loud tone, and a hum of 50 Hz whose period is 320 samples, with them."""
    at = np.arange(30 * SECOND)
    noise = rng.normal(0, 1, len(at))
    for tone in (0.0, 8000 * np.sin(at * 2 * np.pi * 1000 / SECOND), 3000 * np.sin(at * 2 * np.pi * 50 / SECOND)):
        assert repeated_s(np.round(noise + tone) / 32768)[0] == 0


def test_it_is_over_with_the_first_sound() -> None:
    repetition, buffer = Repetition(), rng.normal(0, 0.1, 320).astype(np.float32)
    for _ in range(200):
        repetition.push(buffer)
    assert repetition.repeated > samples(3.0)
    repetition.push(rng.normal(0, 0.1, 320).astype(np.float32))
    assert (repetition.repeated, repetition.period) == (0, 0)
