"""Reads sound of any kind and writes WAVs."""

from pathlib import Path

import numpy as np
import soundfile
import soxr

from measure.wav import RATE, Samples


def read(path: Path) -> Samples:
    """First channel of any file that libsndfile knows, at 16 kHz."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    first: Samples = sound[:, 0]
    return first if rate == RATE else np.asarray(soxr.resample(first, rate, RATE), np.float32)


def read_exactly(path: Path) -> Samples:
    """Mono samples of a file at 16 kHz, clipped to -1..1 as a microphone would.

    Raises:
        ValueError: the file has another rate.
    """
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        raise ValueError(f"{path}: {rate} Hz, wanted {RATE}")
    return np.asarray(np.clip(samples, -1.0, 1.0), np.float32)


def unpadded(folder: Path, row: dict[str, str]) -> Samples:
    """One Speech Commands clip without the zeros that the test set pads short clips with."""
    return read_exactly(folder / row["path"])[: int(row["samples_before_padding"])]


def write(path: Path, sound: Samples) -> None:
    """Sound → 16 bit WAV, clipped to full scale; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    soundfile.write(part, np.clip(sound, -1, 1), RATE, subtype="PCM_16", format="WAV")
    part.replace(path)
