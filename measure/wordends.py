"""Where the word ends in a clip of one word, told from its energy alone, so that no engine marks its own work."""

import numpy as np
from numpy.typing import NDArray

from measure.wav import RATE, Samples

FRAME = RATE // 100  # 10 ms
SMOOTH = 3  # frames: a click of 10 ms is not speech
PADDING_DB = -65.0  # below this nothing was recorded: the clips are padded with silence
CORE_DB = 15.0  # the word is on once this close to its loudest moment
LEAD = 10  # frames before that which may be the word already; the room is what was recorded earlier
RISE_DB = 10.0  # speech is this far above the room …
RANGE_DB = 40.0  # … and no further than this below its loudest moment
PAUSE = 20  # quiet frames that part two sounds; the stop in ALEXA is shorter


def speech_end_s(clip: Samples) -> float:
    """Seconds from the clip's start to the end of its strongest sound; 0 where nothing stands out."""
    power = smoothed_power(clip)
    runs = sounds(power)
    strongest = max(runs, key=lambda run: float(power[run[0] : run[-1] + 1].sum()), default=None)
    return 0.0 if strongest is None else (int(strongest[-1]) + 1) * FRAME / RATE


def sounds(power: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    """Loud frames, parted wherever PAUSE quiet ones lie between."""
    if not len(power):
        return []
    level_db = 10 * np.log10(power)
    loud = np.flatnonzero(level_db >= max(room_db(level_db) + RISE_DB, float(level_db.max()) - RANGE_DB))
    return [run for run in np.split(loud, np.flatnonzero(np.diff(loud) > PAUSE) + 1) if len(run)]


def room_db(level_db: NDArray[np.float64]) -> float:
    """Median level of what was recorded ahead of the word; PADDING_DB where that is nothing."""
    onset = int(np.argmax(level_db >= level_db.max() - CORE_DB))
    before = level_db[: max(0, onset - LEAD)]
    recorded = before[before > PADDING_DB]
    return float(np.median(recorded)) if len(recorded) else PADDING_DB


def smoothed_power(clip: Samples) -> NDArray[np.float64]:
    """Power of every 10 ms, smoothed over SMOOTH of them, shape (n // FRAME,), never zero."""
    frames = clip[: len(clip) // FRAME * FRAME].astype(np.float64).reshape(-1, FRAME)
    if not len(frames):
        return np.empty(0)
    return np.convolve(np.mean(frames**2, axis=1), np.ones(SMOOTH) / SMOOTH, mode="same") + 1e-12
