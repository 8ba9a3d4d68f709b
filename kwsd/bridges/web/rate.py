"""So many at once, then so many a second."""

from collections.abc import Callable
from time import monotonic


class RateLimit:
    """A bucket of tokens that fills again."""

    def __init__(self, at_once: int, per_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._at_once, self._per_s, self._clock = at_once, per_s, clock
        self._left, self._at_s = float(at_once), clock()

    def allows(self) -> bool:
        """Whether there is room for one more, which is then taken."""
        now_s = self._clock()
        self._left = min(self._at_once, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
