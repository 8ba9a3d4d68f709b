"""What to make of times on the wall clock, which may be set at any moment: a Pi is told it minutes after its start."""

import time
from collections import deque

SET_S = 1.0  # NTP's small corrections move both clocks


def since_boot_s() -> float:
    """Seconds since the machine was started, those asleep as well: a clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class WallClock:
    """Notices that it was set, if it looks. Any thread."""

    def __init__(self) -> None:
        self._stood = deque([(since_boot_s(), time.time() - since_boot_s())], maxlen=8)

    def look(self) -> None:
        """Take note of how it stands."""
        now_s = since_boot_s()
        ahead_s = time.time() - now_s
        if abs(ahead_s - self._stood[-1][1]) > SET_S:
            self._stood.append((now_s, ahead_s))

    @property
    def steady_s(self) -> float:
        """For how long it has not been set, as far as was looked."""
        self.look()
        return since_boot_s() - self._stood[-1][0]

    def age_s(self, at_s: float) -> float:
        """How long ago that was on it, before it was set or after: the least that lies not in the future."""
        self.look()
        ages_s = (since_boot_s() + ahead_s - at_s for _, ahead_s in self._stood)
        return max(0.0, min((age_s for age_s in ages_s if age_s > -SET_S), default=0.0))
