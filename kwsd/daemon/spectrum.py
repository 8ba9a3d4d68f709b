"""Sound as a picture: bands of the model's features with half their height and half their rate, at half their cost."""

import base64

import numpy as np

from kwsd.acoustic.fbank import FFT_SAMPLES, MEL_WEIGHTS, NUM_BINS, PRE_EMPHASIS, SMALLEST_POWER
from kwsd.stream import Float32
from kwsd.timebase import FBANK_SHIFT_SAMPLES, seconds

SHARED_BINS, SHARED_FRAMES = 2, 2  # of the features, that make one band and one column
BANDS = NUM_BINS // SHARED_BINS
COLUMN_SAMPLES = SHARED_FRAMES * FBANK_SHIFT_SAMPLES
COLUMN_S = seconds(COLUMN_SAMPLES)
FAINTEST_NATS, LOUDEST_NATS = -14.0, 4.0  # the hiss of a good microphone; loud speech
WINDOW = np.hanning(FFT_SAMPLES).astype(np.float32)
WEIGHTS = MEL_WEIGHTS.reshape(-1, BANDS, SHARED_BINS).mean(axis=2)


class Spectrograph:
    """Draws block after block."""

    def __init__(self) -> None:
        self._before = np.zeros(FFT_SAMPLES - COLUMN_SAMPLES + 1, np.float32)  # one more, that the next is held against

    def push(self, block: Float32) -> str:
        """The next sound (n,), a whole number of columns but for a rest that is left out → a `picture` of BANDS."""
        sound = np.concatenate([self._before, block])
        self._before = sound[len(sound) - len(self._before) :]
        emphasised = sound[1:] - PRE_EMPHASIS * sound[:-1]
        windows = np.lib.stride_tricks.sliding_window_view(emphasised, FFT_SAMPLES)[::COLUMN_SAMPLES]
        spectrum = np.fft.rfft(windows * WINDOW)[:, : FFT_SAMPLES // 2]
        power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32, copy=False)
        nats = np.log(np.maximum(power @ WEIGHTS, SMALLEST_POWER))
        scaled = (nats - FAINTEST_NATS) * (255 / (LOUDEST_NATS - FAINTEST_NATS))
        return base64.b64encode(np.clip(scaled, 0, 255).astype(np.uint8).tobytes()).decode()
