"""Makes float samples safe for what follows: finite, and within full scale."""

import numpy as np

from kwsd.audio.source import Samples


def sanitise(samples: Samples) -> tuple[Samples, int]:
    """Samples of any shape → (the same, not finite ones as 0 and the rest clipped to ±1; how many were not finite).

    Lossy decoders pass full scale by a little and float files by any amount; one NaN would poison the encoder's state.
    """
    if samples.size and samples.min() >= -1 and samples.max() <= 1:
        return samples, 0  # nearly always, and eight times faster; NaN fails both comparisons
    finite = np.isfinite(samples)
    bad = samples.size - int(np.count_nonzero(finite))
    if bad:
        samples = np.where(finite, samples, np.float32(0))
    return np.clip(samples, np.float32(-1), np.float32(1)), bad
