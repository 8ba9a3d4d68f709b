"""Where speech ends in a clip of one word, told from its energy alone, so that no engine marks its own work."""

import numpy as np

from bench.wav import RATE, Samples

FRAME = RATE // 100  # 10 ms
SMOOTH = 3  # frames: a click of 10 ms is not speech
RISE_DB = 10.0  # speech is this far above the clip's own noise …
RANGE_DB = 30.0  # … and no further than this below its loudest moment


def speech_end_s(clip: Samples) -> float:
    """Seconds from the clip's start to the end of its last loud frame; 0 where nothing stands out."""
    level = levels_db(clip)
    if not len(level):
        return 0.0
    limit = max(float(np.percentile(level, 10)) + RISE_DB, float(level.max()) - RANGE_DB)
    loud = np.flatnonzero(level >= limit)
    return (int(loud[-1]) + 1) * FRAME / RATE if len(loud) else 0.0


def levels_db(clip: Samples) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Level of every 10 ms, smoothed over SMOOTH of them, dB below full scale, shape (n // FRAME,)."""
    frames = clip[: len(clip) // FRAME * FRAME].astype(np.float64).reshape(-1, FRAME)
    power = np.convolve(np.mean(frames**2, axis=1), np.ones(SMOOTH) / SMOOTH, mode="same")
    levels: np.ndarray[tuple[int], np.dtype[np.float64]] = 10 * np.log10(power[: len(frames)] + 1e-12)
    return levels
