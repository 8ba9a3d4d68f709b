"""Whether sound repeats itself to the last bit, as no room does: one value, or one buffer of a driver that hangs."""

import numpy as np

from kwsd.stream import Float32
from kwsd.timebase import samples

LONGEST_S = 2.0  # as much as drivers keep
SEARCH_S = 0.5  # so often it is looked for: 50 µs
ALIKE = 1e-4  # of the range of the sound: what resampling leaves of a repetition, and 80 dB below it, where no room is
PIECE = 256  # samples that are looked for in what came before them: 16 ms
STEPS_BACK = (1, 3, 9, 27, 81)  # of those, what sorts out nearly all places


class Repetition:
    """Of one stream, cut in any way."""

    def __init__(self) -> None:
        self.period = 0
        """Samples after which it says the same again, 0 where it does not."""
        self.repeated = 0
        """Samples for which it has gone on so."""
        self._past = np.zeros(0, np.float32)
        self._unsearched = 0

    def push(self, sound: Float32) -> None:
        """The next (n,)."""
        past = np.concatenate([self._past, sound])
        if self.period and goes_on(past, len(sound), self.period):
            self.repeated += len(sound)
        else:
            self.period = self.repeated = 0
            self._unsearched += len(sound)
        if self._unsearched >= samples(SEARCH_S):
            self.period, self._unsearched = period_of(past), 0
        self._past = past[-samples(LONGEST_S) :]


def goes_on(past: Float32, count: int, period: int) -> bool:
    """Whether the last `count` samples are what came a period before each."""
    now, then = past[-count:], past[-count - period : -period]
    return len(then) == count and bool(np.abs(now - then).max() <= ALIKE * np.ptp(now))


def period_of(past: Float32) -> int:
    """How far back the last piece was heard before; 0 where it was not."""
    piece = past[-PIECE:]
    if len(past) <= PIECE:
        return 0
    off = ALIKE * np.ptp(piece)
    ends = np.flatnonzero(np.abs(past[PIECE - 1 : -1] - past[-1]) <= off) + PIECE - 1
    for back in STEPS_BACK:
        ends = ends[np.abs(past[ends - back] - past[-1 - back]) <= off]
    for end in ends[::-1].tolist():
        if np.abs(past[end - PIECE + 1 : end + 1] - piece).max() <= off:
            return len(past) - 1 - int(end)
    return 0
