"""How old saved sound is, which the times of its files do not tell where the clock has been set since."""

import os
import time
from contextlib import suppress
from pathlib import Path

from kwsd.wall_clock import WallClock, since_boot_s

STEADY_S = 3600.0  # a clock that was set lately, or before we came, may be wrong again: what is deleted is gone
WRONG_S = 60.0  # of a file's time
MOST_KNOWN = 4096


class ClipAges:
    """Of the files that a process writes, and of those that were there. Any thread."""

    def __init__(self, steady_s: float = STEADY_S) -> None:
        """The clock is believed once it has not been set for so long."""
        self._clock = WallClock()
        self._steady_s = steady_s
        self._began_s = since_boot_s()
        self._written_s: dict[Path, float] = {}

    @property
    def are_sure(self) -> bool:
        """Whether something may be deleted because of its age."""
        return self._clock.steady_s >= self._steady_s

    def wrote(self, path: Path) -> None:
        """Just now."""
        self._written_s[path] = since_boot_s()
        if len(self._written_s) > MOST_KNOWN:
            self._written_s.pop(next(iter(self._written_s)), None)

    def written_s(self, path: Path, mtime_s: float) -> float:
        """When, on the clock since boot; a file of ours with another time is given that. Others were there before."""
        ahead_s = time.time() - since_boot_s()
        written_s = self._written_s.get(path)
        if written_s is None:
            return min(mtime_s - ahead_s, self._began_s)
        if abs(written_s + ahead_s - mtime_s) > WRONG_S:
            with suppress(OSError):
                os.utime(path, (written_s + ahead_s,) * 2)
        return written_s
