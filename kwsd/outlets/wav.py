"""16-bit samples as a WAV file, with the standard library's writer."""

import io
import wave

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import SAMPLE_RATE


def wav_bytes(pcm: NDArray[np.int16]) -> bytes:
    """Mono 16 kHz samples, int16 (n,) → a whole WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(SAMPLE_RATE)
        wav.writeframes(pcm.astype("<i2").tobytes())
    return file.getvalue()
