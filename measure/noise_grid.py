"""The twelve classes in noise: clips mixed by RMS with sounds and talkers that training has not heard."""

from pathlib import Path

import numpy as np

from kwsd.commands12.frontend import FloatArray, mel_power, pixels
from kwsd.commands12.model import FixedModel
from kwsd.timebase import SAMPLE_RATE
from measure import noises
from measure.accuracy import Clip, classify, figures

NOISES = ("factory", "white", "babble", "street")
ASKED_FOR = (*NOISES, "tones")
"""Beside the grid: what the published evaluation calls babble, see `noises.held_tones`."""
SNRS_DB = (-15, -10, -5, 0, 5, 10, 15)
SEED = 34
SOUND_S = 60.0
BABBLE_S = 5.0
"""So often other talkers, and another number of them: with five over the whole minute it was the hardest alone."""


def noise(shared: Path, kind: str) -> FloatArray:
    """About a minute of one of ASKED_FOR."""
    generator = np.random.default_rng(SEED)
    if kind == "factory":
        return noises.factory(shared / "noise", SOUND_S, generator, held_out=True)
    if kind == "street":
        return noises.street(shared / "noise", SOUND_S, generator, held_out=True)
    if kind == "babble":
        times = int(SOUND_S / BABBLE_S)
        return np.concatenate([noises.babble(shared / "speech", "dev", BABBLE_S, generator) for _ in range(times)])
    if kind == "tones":
        return np.concatenate([noises.held_tones(generator) for _ in range(int(SOUND_S))])
    return noises.coloured_noise(SOUND_S, 0.0, generator)


def noisy_picture(clip: Clip, sound: FloatArray, snr_db: float, generator: np.random.Generator) -> FloatArray:
    """A clip in a second of noise, SNR over the clip's own length, through the live front end."""
    start = int(generator.integers(len(sound) - SAMPLE_RATE))
    piece = sound[start : start + SAMPLE_RATE].astype(np.float64)
    said = np.pad(clip.samples[:SAMPLE_RATE], (0, max(0, SAMPLE_RATE - len(clip.samples)))).astype(np.float64)
    wanted = np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2) / 10 ** (snr_db / 10))
    mixed = said + piece * (wanted / max(float(np.sqrt(np.mean(piece**2))), 1e-6))
    return pixels(mel_power(np.clip(mixed, -1.0, 1.0).astype(np.float32)))


def accuracy_in(model: FixedModel, clips: list[Clip], sound: FloatArray, snr_db: int) -> float:
    """Part of the clips that are right with `sound` over them."""
    generator = np.random.default_rng((SEED, snr_db + 100))
    heard = classify(model, (noisy_picture(clip, sound, snr_db, generator) for clip in clips))
    return figures(np.array([clip.label for clip in clips]), heard).accuracy
