"""What a stream takes as sound."""

import numpy as np
from numpy.typing import NDArray


def checked_samples(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    """Finite float32 samples (n,); those that are not finite become silence.

    Raises:
        ValueError: another shape, or integers, whose scale would be a guess.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or not np.issubdtype(samples.dtype, np.floating):
        raise ValueError(f"samples must be floats of shape (n,) in -1..1, not {samples.dtype} of {samples.shape}")
    single = samples.astype(np.float32, copy=False)
    return single if np.isfinite(single).all() else np.nan_to_num(single, nan=0.0, posinf=0.0, neginf=0.0)
