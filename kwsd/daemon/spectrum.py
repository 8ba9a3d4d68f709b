"""Sound as a picture: the model's own features, with less of them."""

import base64

import numpy as np

from kwsd.acoustic.fbank import NUM_BINS, WINDOW_SAMPLES, log_mel
from kwsd.events import Spectrum
from kwsd.stream import Float32
from kwsd.timebase import FBANK_SHIFT_SAMPLES, seconds

SHARED_BINS, SHARED_FRAMES = 2, 2  # of the features, that make one band and one column
FAINTEST_NATS, LOUDEST_NATS = -14.0, 4.0  # the hiss of a good microphone; loud speech


class Spectrograph:
    """Draws block after block."""

    def __init__(self) -> None:
        self._before = np.zeros(WINDOW_SAMPLES - FBANK_SHIFT_SAMPLES, np.float32)

    def push(self, block: Float32) -> Spectrum:
        """The next sound (n,), a whole number of columns but for a rest that is left out → its picture."""
        sound = np.concatenate([self._before, block])
        self._before = sound[len(sound) - len(self._before) :]
        frames = log_mel(sound)
        columns = len(frames) // SHARED_FRAMES
        shape = (columns, SHARED_FRAMES, NUM_BINS // SHARED_BINS, SHARED_BINS)
        shares = frames[: columns * SHARED_FRAMES].reshape(shape).mean(axis=(1, 3))
        scaled = (shares - FAINTEST_NATS) * (255 / (LOUDEST_NATS - FAINTEST_NATS))
        return Spectrum(
            bands=NUM_BINS // SHARED_BINS,
            column_s=seconds(SHARED_FRAMES * FBANK_SHIFT_SAMPLES),
            picture=base64.b64encode(np.clip(scaled, 0, 255).astype(np.uint8).tobytes()).decode(),
        )
