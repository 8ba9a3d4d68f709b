"""Whether the sound falls silent behind a word, told from the look-ahead of the fbank before the encoder gets there.

The encoder sees 130 ms more than it has frames for. When the power in there lies far below the word's own, a pause has
begun and the word cannot go on; in the middle of a longer word it does not fall that far (2.9 nats in NIGHTFALL behind
NIGHT; a median of 9.3 behind wake words said alone).
"""

import math

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import SUBSAMPLING

PAUSE_NATS = 5.0  # 22 dB: nine in ten wake words said alone fall further than this
KNOWN_FRAMES = 1000  # fbank frames: 10 s, as far back as a phrase is aligned


class Loudness:
    """Power of the last fbank frames of one stream."""

    def __init__(self, shift_frames: int) -> None:
        """`shift_frames` of each chunk are new (32 upstream), what is behind them is look-ahead."""
        self._shift_frames = shift_frames
        self._powers = np.empty(0, np.float32)
        self._ahead = 0.0

    def append(self, chunk: NDArray[np.float32]) -> None:
        """Take the next chunk of log-mel fbank (T, 80)."""
        powers = np.exp(chunk).mean(axis=1)
        self._powers = np.concatenate([self._powers[-KNOWN_FRAMES:], powers[: self._shift_frames]])
        self._ahead = float(powers[self._shift_frames :].max())

    def pause_ahead(self, encoder_frames: int) -> bool:
        """Whether what comes is quieter by PAUSE_NATS than the loudest of the last `encoder_frames`."""
        loudest = float(self._powers[-encoder_frames * SUBSAMPLING :].max())
        return self._ahead <= loudest * math.exp(-PAUSE_NATS)
