"""What a stream takes as sound."""

import numpy as np
from numpy.typing import NDArray

LOUDEST = 256.0  # float files pass 1 by some; over this they are counted in steps of a converter


def checked_samples(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Finite float32 samples (n,); those that are not finite become silence.

    Raises:
        ValueError: another shape, another scale, or integers, whose scale would be a guess.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples must be floats of shape (n,) in -1..1, not {samples.dtype} of {samples.shape}")
    single = samples.astype(np.float32, copy=False)
    finite = single if np.isfinite(single).all() else np.nan_to_num(single, nan=0.0, posinf=0.0, neginf=0.0)
    if len(finite) and (loudest := np.abs(finite).max()) > LOUDEST:
        raise ValueError(f"samples must be in -1..1, not up to {loudest:g}; divide those of 16 bits by 32768")
    return finite
