"""Samples as a WAV file, for whoever keeps or hands on what was heard."""

import io
import wave

import numpy as np
from numpy.typing import NDArray

from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE

FULL_SCALE = 32767


def wav_bytes(pcm: NDArray[np.int16]) -> bytes:
    """Mono 16 kHz samples, int16 (n,) → a whole WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()


def to_pcm(sound: Float32) -> NDArray[np.int16]:
    """Samples (n,) in 16 bits; what is beyond full scale is cut off."""
    pcm: NDArray[np.int16] = (np.clip(sound, -1.0, 1.0) * FULL_SCALE).astype(np.int16)
    return pcm
