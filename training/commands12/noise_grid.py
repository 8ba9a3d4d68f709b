"""Accuracy under five noises at five levels, on sounds and talkers that training has not heard."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kwsd.commands12.frontend import FloatArray, mel_power, pixels
from kwsd.commands12.model import FixedModel
from kwsd.timebase import SAMPLE_RATE
from measure import manifests
from measure.sound import read_exactly
from training.commands12 import audio
from training.commands12.measure import Clip, classify, figures

SNRS_DB = (-5, 0, 5, 10, 15)
SEED = 34
SOUND_SECONDS = 60.0
MACHINES = ("chainsaw", "helicopter")

Grid = dict[str, list[float]]
"""Noise → accuracy at each of SNRS_DB."""


def noises(shared: Path) -> dict[str, Callable[[], FloatArray]]:
    """The five noises; each makes about a minute of sound."""

    def generator() -> np.random.Generator:
        return np.random.default_rng(SEED)

    return {
        "white": lambda: audio.coloured_noise(SOUND_SECONDS, 0.0, generator()),
        "pink": lambda: audio.coloured_noise(SOUND_SECONDS, 1.0, generator()),
        "babble": lambda: audio.babble(shared / "speech", "dev", SOUND_SECONDS, generator()),
        "factory-like": lambda: machines(shared / "noise"),
        "kitchen": lambda: read_exactly(shared / "noise" / audio.HELD_OUT_FILES[0]),
    }


def machines(folder: Path) -> FloatArray:
    """Chainsaws over helicopters of the fold that training leaves out, both at the same level."""
    rows = [row for row in manifests.read(folder / "manifest.tsv") if audio.is_held_out(row)]
    layers = []
    for kind in MACHINES:
        sounds = [read_exactly(folder / row["path"]) for row in rows if row["class"] == kind]
        layer = np.concatenate([sound / max(float(sound.std()), 1e-4) for sound in sounds])
        layers.append(layer)
    size = min(map(len, layers))
    return np.asarray(np.sum([layer[:size] for layer in layers], axis=0), np.float32)


def noisy_picture(clip: Clip, noise: FloatArray, snr_db: float, generator: np.random.Generator) -> FloatArray:
    """A clip in a second of noise, SNR over the clip's own length, through the live front end."""
    start = int(generator.integers(len(noise) - SAMPLE_RATE))
    piece = noise[start : start + SAMPLE_RATE].astype(np.float64)
    sound = np.pad(clip.samples[:SAMPLE_RATE], (0, max(0, SAMPLE_RATE - len(clip.samples)))).astype(np.float64)
    wanted = np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2) / 10 ** (snr_db / 10))
    mixed = sound + piece * (wanted / max(float(np.sqrt(np.mean(piece**2))), 1e-6))
    return pixels(mel_power(np.clip(mixed, -1.0, 1.0).astype(np.float32)))


def measure_grid(
    model: FixedModel, clips: list[Clip], shared: Path, on_cell: Callable[[str, int, float], None]
) -> Grid:
    """Accuracy of every cell; `on_cell` is told noise, SNR and accuracy."""
    said = np.array([clip.label for clip in clips])
    grid: Grid = {}
    for name, make in noises(shared).items():
        noise = make()
        grid[name] = []
        for snr_db in SNRS_DB:
            generator = np.random.default_rng((SEED, snr_db + 100))
            heard = classify(model, (noisy_picture(clip, noise, snr_db, generator) for clip in clips))
            grid[name].append(figures(said, heard).accuracy)
            on_cell(name, snr_db, grid[name][-1])
    return grid


def write(path: Path, grid: Grid, clips: int) -> None:
    """One CSV line per noise; the head of the first column says how many clips a cell has."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"{clips} clips", *SNRS_DB])
        writer.writerows([name, *(f"{value:.4f}" for value in row)] for name, row in grid.items())


def read(path: Path) -> tuple[Grid, str]:
    """What `write` wrote, and how many clips a cell has, in words."""
    with path.open(encoding="utf-8", newline="") as file:
        heads, *rows = csv.reader(file)
    return {row[0]: [float(value) for value in row[1:]] for row in rows}, heads[0]
