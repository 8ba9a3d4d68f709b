"""Sound of the shared folders as pictures: clips, negatives from speech, noise, babble, rooms."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, FloatArray, clip_picture, mel_power, pixels
from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE
from measure import manifests
from measure.commands import commands_in
from measure.sound import read_exactly, unpadded

Pictures = NDArray[np.uint8]

WINDOW_HOP_FRAMES = 49
EDGE_SAMPLES = SAMPLE_RATE // 2  # of silence around an utterance: a window may see its beginning or end
NOISE_LEVEL = 1e9  # mean band power that every noise window is brought to, so that 8 bits code it well
HELD_OUT_FOLD = "5-"  # ESC-10 files of this fold, and the kitchen, are kept for the noise grid
HELD_OUT_FILES = ("picovoice/kitchen.opus",)
REVERB_FRAMES = 24


def as_uint8(grey: FloatArray) -> Pictures:
    """Float pixels → the nearest grey level."""
    return np.rint(grey).astype(np.uint8)


def windows(power: FloatArray, hop: int = WINDOW_HOP_FRAMES) -> FloatArray:
    """Band powers (frames, 40) → overlapping one-second windows (n, 98, 40)."""
    if len(power) < CLIP_FRAMES:
        return np.zeros((0, CLIP_FRAMES, BANDS), np.float32)
    starts = range(0, len(power) - CLIP_FRAMES + 1, hop)
    return np.stack([power[start : start + CLIP_FRAMES] for start in starts])


def clip_pictures(folder: Path, split: str) -> tuple[Pictures, tuple[str, ...]]:
    """Pictures that the live front end makes of one split of train_audio, and their words."""
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == split]
    return as_uint8(np.stack([clip_picture(unpadded(folder, row)) for row in rows])), tuple(row["word"] for row in rows)


def negatives(folder: Path) -> Pictures:
    """Windows of all training speech whose transcript has none of the commands, with its beginnings and ends."""
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == "train" and row["transcript"]]
    spoken = (read_exactly(folder / row["path"]) for row in rows if not commands_in(row["transcript"]))
    return np.concatenate([as_uint8(pixels(windows(mel_power(np.pad(sound, EDGE_SAMPLES))))) for sound in spoken])


def is_held_out(row: dict[str, str]) -> bool:
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
    sound = np.fft.irfft(spectrum / frequencies ** (exponent / 2), size)
    return np.asarray(sound * (0.1 / sound.std()), np.float32)


def babble(folder: Path, split: str, seconds: float, generator: np.random.Generator) -> FloatArray:
    """Five to nine talkers at once, each at the same level, RMS 0.1."""
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == split]
    talkers = int(generator.integers(5, 10))
    voices = [talker(folder, rows, int(seconds * SAMPLE_RATE), generator) for _ in range(talkers)]
    sound = np.sum(voices, axis=0)
    return np.asarray(sound * (0.1 / sound.std()), np.float32)


def talker(folder: Path, rows: list[dict[str, str]], size: int, generator: np.random.Generator) -> FloatArray:
    """Utterances of a split end to end until `size` samples are there, RMS 1."""
    pieces: list[FloatArray] = []
    while sum(map(len, pieces)) < size:
        pieces.append(read_exactly(folder / rows[int(generator.integers(len(rows)))]["path"]))
    voice = np.concatenate(pieces)[:size]
    return voice / max(float(voice.std()), 1e-4)


def noise_pictures(sounds: Iterable[FloatArray]) -> Pictures:
    """Noise of any kind → windows at one level, uint8 (n, 98, 40). Sounds under a second are repeated."""
    found = []
    for sound in sounds:
        long = np.tile(sound, -(-SAMPLE_RATE // len(sound))) if len(sound) < SAMPLE_RATE else sound
        power = windows(mel_power(long))
        mean = power.mean(axis=(1, 2), keepdims=True)
        found.append(as_uint8(pixels(power * (NOISE_LEVEL / np.maximum(mean, 1.0)))))
    return np.concatenate(found)


def reverb_envelopes(folder: Path) -> FloatArray:
    """Energy of each room response per 10 ms from its peak on, summing to 1: float32 (rooms, 24)."""
    envelopes = []
    for row in manifests.read(folder / "manifest.tsv"):
        response = read_exactly(folder / row["path"])
        tail = response[int(np.argmax(np.abs(response))) :] ** 2
        tail = np.pad(tail, (0, REVERB_FRAMES * FBANK_SHIFT_SAMPLES))[: REVERB_FRAMES * FBANK_SHIFT_SAMPLES]
        energy = tail.reshape(REVERB_FRAMES, FBANK_SHIFT_SAMPLES).sum(axis=1)
        envelopes.append(energy / energy.sum())
    return np.asarray(envelopes, np.float32)
