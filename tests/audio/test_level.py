"""Loudness and sanitising: what `kwsctl check` says of a microphone, and what the encoder is spared."""

import numpy as np
import pytest

from kwsd.audio.level import FLOOR_DBFS, NARROW, LevelMeter, Loudness, advice, measure_level
from kwsd.audio.resample import Resampler
from kwsd.audio.sanitise import sanitise

SINE = np.sin(np.arange(16_000) * 2 * np.pi * 440 / 16_000).astype(np.float32)


def test_a_full_scale_sine() -> None:
    level = measure_level(SINE)
    assert level.rms_dbfs == pytest.approx(-3.01, abs=0.01)
    assert level.peak_dbfs == pytest.approx(0, abs=0.01)


def test_a_tenth_is_20_db_less_and_a_dc_offset_does_not_count() -> None:
    assert measure_level(0.1 * SINE + 0.5).rms_dbfs == pytest.approx(-23.01, abs=0.01)


@pytest.mark.parametrize("samples", [np.zeros(100, np.float32), np.zeros(0, np.float32)])
def test_silence_has_a_finite_level(samples: np.ndarray) -> None:
    assert measure_level(samples) == Loudness(FLOOR_DBFS, FLOOR_DBFS, 0.0)


def test_clipping_is_the_share_at_full_scale() -> None:
    overdriven = np.clip(2 * SINE, -1, 1)
    assert measure_level(0.5 * SINE).clipped_share == 0
    assert measure_level(overdriven).clipped_share == pytest.approx(2 / 3, abs=0.01)  # |sin| ≥ 0.5: 120° of 180°


def test_sanitise_makes_samples_finite_and_within_full_scale() -> None:
    samples = np.array([0.5, np.nan, np.inf, -np.inf, 3.0, -1e30], np.float32)
    finite, bad = sanitise(samples)
    assert finite.tolist() == [0.5, 0, 0, 0, 1, -1]
    assert bad == 3
    assert np.isnan(samples[1]), "the caller's samples are not touched"


def test_sound_that_was_8_khz_once_is_told_however_many_samples_it_has_now() -> None:
    """Noise has everything; through 8 kHz and back, in pieces of any size, the upper half is gone. Silence has none."""
    noise = np.random.default_rng(1).normal(0, 0.1, 80_000).astype(np.float32)
    assert advice(measure_level(noise)) is None
    telephone = Resampler(8_000).accept(np.ascontiguousarray(noise[:40_000]))
    for piece in (480, 640, 8_000, len(telephone)):
        meter = LevelMeter()
        for start in range(0, len(telephone), piece):
            meter.push(telephone[start : start + piece])
        assert (advice(meter.level) == ("narrow", NARROW)) == (piece >= 512), piece


def test_who_was_asked_to_speak_is_told_sooner() -> None:
    faint = np.random.default_rng(1).normal(0, 0.003, 16_000).astype(np.float32)
    assert advice(measure_level(faint)) is None
    told = advice(measure_level(faint), spoken=True)
    assert told is not None
    assert told.text.startswith("it is faint (peak -39 dBFS)")


def test_an_offset_is_no_sound() -> None:
    """1. A microphone that gives a constant, and its last bit now and then. Result: it is called as good as silent."""
    samples = np.full(16_000, 0.2, np.float32)
    samples[::3] += np.float32(2**-15)
    told = advice(measure_level(samples))
    assert told is not None
    assert told.fault == "faint"
