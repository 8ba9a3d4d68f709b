"""Log-mel pictures as the Speech Commands sheets have them: 40 bands to 4 kHz, one 8-bit grey column per 10 ms.

A pixel is `9.997 ln(P + 500) - 61.53`, clipped to 0..255, where P is the power of one of 40 HTK-mel triangles over
a 30 ms Hann window of int16-scaled samples. The constants are those that ../shared/speech_commands/frontend.py
fitted. Pixels stay float here: the rounding of the sheets is not repeated.
"""

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE

FloatArray = NDArray[np.float32]

BANDS = 40
SHIFT_SAMPLES = FBANK_SHIFT_SAMPLES
WINDOW_SAMPLES = 480  # 30 ms
CLIP_FRAMES = 98  # frames that fit into one second
FFT_SIZE = 512
TOP_HZ = 4000.0
PIXEL_SLOPE = 9.997
PIXEL_OFFSET = -61.53
POWER_FLOOR = 500.0
INT16_SCALE = 32768.0


def mel_matrix() -> FloatArray:
    """Triangles of peak 1, equally spaced in mel from 0 to 4 kHz: float32 (257, 40)."""
    mel = np.linspace(0.0, 1127.0 * np.log1p(TOP_HZ / 700.0), BANDS + 2)
    edges = 700.0 * (np.exp(mel / 1127.0) - 1.0)
    bins = np.arange(FFT_SIZE // 2 + 1)[:, None] * (SAMPLE_RATE / FFT_SIZE)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0.0, None), np.float32)


HANN = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
# Triangles end at 4 kHz, so the bins above have no weight and are left out of the product.
USED_BINS = int(TOP_HZ * FFT_SIZE / SAMPLE_RATE) + 1
MEL = np.ascontiguousarray(mel_matrix()[:USED_BINS])


def frame_count(samples: int) -> int:
    """Whole 30 ms windows, 10 ms apart, in this many samples."""
    return max(0, (samples - WINDOW_SAMPLES) // SHIFT_SAMPLES + 1)


def mel_power(samples: FloatArray) -> FloatArray:
    """Samples (n,), nominally -1 to 1, → band powers on the int16 scale, float32 (frames, 40)."""
    if frame_count(len(samples)) == 0:
        return np.zeros((0, BANDS), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::SHIFT_SAMPLES]
    spectrum = np.fft.rfft(windows * (HANN * np.float32(INT16_SCALE)), FFT_SIZE)[:, :USED_BINS]
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, np.float32)
    return np.asarray(power @ MEL, np.float32)


def pixels(power: FloatArray) -> FloatArray:
    """Band powers → grey values 0 to 255, same shape."""
    grey = PIXEL_SLOPE * np.log(power + POWER_FLOOR) + PIXEL_OFFSET
    return np.asarray(np.clip(grey, 0.0, 255.0), np.float32)


def powers(grey: FloatArray) -> FloatArray:
    """Inverse of `pixels`, never negative."""
    return np.asarray(np.maximum(np.exp((grey - PIXEL_OFFSET) / PIXEL_SLOPE) - POWER_FLOOR, 0.0), np.float32)


def clip_picture(samples: FloatArray) -> FloatArray:
    """One clip of at most a second, its zero padding cut off, → (98, 40); a short clip lies centred in zeros."""
    whole = samples[:SAMPLE_RATE]
    whole = np.pad(whole, (0, max(0, WINDOW_SAMPLES - len(whole))))
    grey = pixels(mel_power(whole))
    above = (CLIP_FRAMES - len(grey)) // 2
    return np.pad(grey, ((above, CLIP_FRAMES - len(grey) - above), (0, 0)))
