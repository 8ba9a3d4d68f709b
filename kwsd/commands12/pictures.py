"""Sound in pieces of any length → log-mel frames in blocks of one length, every frame computed once."""

from collections.abc import Iterator

import numpy as np

from kwsd.commands12.frontend import SHIFT_SAMPLES, WINDOW_SAMPLES, FloatArray, mel_power, pixels

OVERLAP_SAMPLES = WINDOW_SAMPLES - SHIFT_SAMPLES


class FrameStream:
    """Blocks are cut by sample count since the start, so that how sound arrives changes no bit of them."""

    def __init__(self, block_frames: int) -> None:
        self._step_samples = block_frames * SHIFT_SAMPLES
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._pending: FloatArray = np.zeros(0, np.float32)

    def accept(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Samples (n,) → blocks of grey values (block_frames, 40), as many as they complete."""
        self._pending = np.concatenate((self._pending, samples))
        needed = self._step_samples + OVERLAP_SAMPLES
        while len(self._pending) >= needed:
            block = pixels(mel_power(self._pending[:needed]))
            self._pending = self._pending[self._step_samples :]
            yield block
