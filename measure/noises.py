"""The kinds of noise that training hears and the noise grid measures in; the grid takes what training leaves out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kwsd.commands12.frontend import FloatArray
from kwsd.timebase import SAMPLE_RATE
from measure import manifests
from measure.command_streams import is_set_apart
from measure.commands import commands_in
from measure.sound import read_exactly

HELD_OUT_FOLD = "5-"  # ESC-10 files of this fold, and the kitchen, are kept for the noise grid
HELD_OUT_FILES = ("picovoice/kitchen.opus",)
MACHINES = ("chainsaw", "helicopter")
STREET = ("rain", "dog_bark")
LEAST_RMS = 1e-4
CAR_S = (3.0, 9.0)
CAR_EXPONENT = 1.5
HELD_HZ = (730.0, 1090.0, 2440.0)


def is_held_out(row: manifests.Row) -> bool:
    """Whether a noise file is kept for the noise grid."""
    return row["path"] in HELD_OUT_FILES or Path(row["path"]).name.startswith(HELD_OUT_FOLD)


def training_noise(folder: Path) -> Iterator[FloatArray]:
    """Every recording of noise that training may hear."""
    for row in manifests.read(folder / "manifest.tsv"):
        if not is_held_out(row):
            yield read_exactly(folder / row["path"])


def coloured_noise(seconds: float, exponent: float, generator: np.random.Generator) -> FloatArray:
    """Gaussian noise whose power falls as 1 / f ** exponent: 0 white, 1 pink; RMS 0.1."""
    size = int(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(generator.standard_normal(size))
    frequencies = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 20.0)
    return levelled(np.fft.irfft(spectrum / frequencies ** (exponent / 2), size), 0.1)


def babble(folder: Path, split: str, seconds: float, generator: np.random.Generator) -> FloatArray:
    """Five to nine talkers at once, each at the same level, RMS 0.1; none of them says a command."""
    known = [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == split]
    rows = [row for row in known if not (is_set_apart(row["path"]) or commands_in(row["transcript"]))]
    talkers = int(generator.integers(5, 10))
    voices = [joined(folder, rows, int(seconds * SAMPLE_RATE), generator) for _ in range(talkers)]
    return levelled(np.sum(voices, axis=0), 0.1)


def held_tones(generator: np.random.Generator) -> FloatArray:
    """A second of what the published evaluation of the NC-SSM adds as babble; nobody talks in it. RMS 0.1.

    Five to eight times two harmonics of 100 to 300 Hz and the same three tones, under one bell of 0.3 to 0.8 s. What
    our grid calls babble is people.
    """
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    held = 0.15 * sum(np.sin(2 * np.pi * pitch * times) for pitch in HELD_HZ)
    sound = np.zeros(SAMPLE_RATE)
    for _ in range(int(generator.integers(5, 9))):
        pitch = 2 * np.pi * generator.uniform(100.0, 300.0) * times
        start, length = (int(generator.uniform(*span) * SAMPLE_RATE) for span in ((0.05, 0.3), (0.3, 0.8)))
        bell = np.hanning(min(length, SAMPLE_RATE - start))
        voice = 0.3 * np.sin(pitch) + 0.1 * np.sin(2 * pitch) + held
        sound[start : start + len(bell)] += voice[start : start + len(bell)] * bell
    return levelled(sound, 0.1)


def factory(folder: Path, seconds: float, generator: np.random.Generator, *, held_out: bool = False) -> FloatArray:
    """Factory-like: chainsaws over helicopters, both at one level, RMS 0.1."""
    layers = [layer(folder, kind, seconds, generator, held_out) for kind in MACHINES]
    return levelled(np.sum(layers, axis=0), 0.1)


def street(folder: Path, seconds: float, generator: np.random.Generator, *, held_out: bool = False) -> FloatArray:
    """Street-like: a low rumble that cars pass through, rain, dogs at a quarter of the level; RMS 0.1."""
    rumble = levelled(coloured_noise(seconds, CAR_EXPONENT, generator) * passing_cars(seconds, generator), 1.0)
    rain, dogs = (layer(folder, kind, seconds, generator, held_out) for kind in STREET)
    return levelled(rumble + 0.5 * rain + 0.25 * dogs, 0.1)


def passing_cars(seconds: float, generator: np.random.Generator) -> FloatArray:
    """Loudness of cars that come and go: a bell for each of them over a constant murmur."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    loudness = np.full(len(times), 0.3)
    for moment in np.arange(0.0, seconds, CAR_S[0]):
        width = generator.uniform(*CAR_S) / 6.0
        loudness += np.exp(-0.5 * ((times - moment - generator.uniform(0.0, CAR_S[0])) / width) ** 2)
    return np.asarray(loudness, np.float32)


def layer(folder: Path, kind: str, seconds: float, generator: np.random.Generator, held_out: bool) -> FloatArray:
    """Recordings of one class end to end, RMS 1."""
    rows = [
        row for row in manifests.read(folder / "manifest.tsv") if row["class"] == kind and is_held_out(row) == held_out
    ]
    return joined(folder, rows, int(seconds * SAMPLE_RATE), generator)


def joined(folder: Path, rows: list[manifests.Row], size: int, generator: np.random.Generator) -> FloatArray:
    """Recordings drawn at random, end to end until `size` samples are there, RMS 1."""
    pieces: list[FloatArray] = []
    while sum(map(len, pieces)) < size:
        pieces.append(read_exactly(folder / rows[int(generator.integers(len(rows)))]["path"]))
    return levelled(np.concatenate(pieces)[:size], 1.0)


def levelled(sound: np.ndarray, rms: float) -> FloatArray:
    """The sound at this RMS."""
    return np.asarray(sound * (rms / max(float(sound.std()), LEAST_RMS)), np.float32)
