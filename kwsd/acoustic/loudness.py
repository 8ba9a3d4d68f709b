"""Whether the sound falls silent behind a word, told from the look-ahead of the fbank before the encoder gets there.

The encoder sees 130 ms more than it has frames for. When the power in there lies far below the word's own, a pause has
begun and the word cannot go on; in the middle of a longer word it does not fall that far (2.9 nats in NIGHTFALL behind
NIGHT; a median of 9.3 behind wake words said alone).
"""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from kwsd.timebase import SUBSAMPLING

PAUSE_NATS = 5.0  # 22 dB: nine in ten wake words said alone fall further than this
KNOWN_CHUNKS = 32  # 10 s, as far back as a phrase is aligned


class Loudness:
    """The last chunks of fbank of one stream. Powers are computed when they are asked for, which is seldom."""

    def __init__(self, shift_frames: int) -> None:
        """`shift_frames` of each chunk are new (32 upstream), what is behind them is look-ahead."""
        self._shift_frames = shift_frames
        self._chunks: deque[NDArray[np.float32]] = deque(maxlen=KNOWN_CHUNKS)

    def append(self, chunk: NDArray[np.float32]) -> None:
        """Take the next chunk of log-mel fbank (T, 80)."""
        self._chunks.append(chunk)

    def pause_ahead(self, encoder_frames: int) -> bool:
        """Whether what comes is quieter by PAUSE_NATS than the loudest of the last `encoder_frames`."""
        frames = encoder_frames * SUBSAMPLING
        chunks = list(self._chunks)[-math.ceil(frames / self._shift_frames) :]
        heard = np.concatenate([chunk[: self._shift_frames] for chunk in chunks])[-frames:]
        return _loudest(self._chunks[-1][self._shift_frames :]) <= _loudest(heard) - PAUSE_NATS


def _loudest(fbank: NDArray[np.float32]) -> float:
    """Log of the mean power of the loudest frame of (n, 80)."""
    return math.log(float(np.exp(fbank).mean(axis=1).max()))
