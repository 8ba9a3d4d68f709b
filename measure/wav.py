"""16 bit WAV files as both engines are fed with them: standard library and numpy only, so it adds nothing to a peak."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import SAMPLE_RATE

RATE = SAMPLE_RATE  # Hz
BLOCK = 5_120  # samples, 320 ms: one encoder chunk, as the peer's driver feeds it
INT16 = 32_768  # full scale

Samples = NDArray[np.float32]
"""Shape (n,), mono, 16 kHz, nominally -1 to 1."""


def blocks(path: Path, size: int = BLOCK) -> Iterator[Samples]:
    """A 16 bit mono WAV at 16 kHz, block by block."""
    with wave.open(str(path)) as file:
        while data := file.readframes(size):
            yield np.frombuffer(data, np.int16).astype(np.float32) / np.float32(INT16)


def cut(sound: Samples, size: int = BLOCK) -> Iterator[Samples]:
    """Sound in memory, block by block."""
    for start in range(0, len(sound), size):
        yield sound[start : start + size]


def duration_s(path: Path) -> float:
    """Length of a WAV in seconds."""
    return sample_count(path) / RATE


def sample_count(path: Path) -> int:
    """Samples in a 16 kHz WAV."""
    with wave.open(str(path)) as file:
        return int(file.getnframes())


def silence(length_s: float) -> Samples:
    """Digital silence."""
    return np.zeros(int(length_s * RATE), np.float32)


def rms(sound: Samples) -> float:
    """Root mean square, 0 for no samples."""
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
