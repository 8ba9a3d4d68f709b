"""Whether the open-vocabulary model keeps up with the sound. Pure; all times are seconds of sound."""

from enum import Enum

WATCHED_S = 3.0  # over this much sound the load is averaged
TOO_SLOW = 1.0  # seconds of work per second of sound
KEEPS_UP = 0.7
PAUSE_S = 30.0  # before the first new trial; doubled after each that fails
LONGEST_PAUSE_S = 600.0


class Verdict(Enum):
    """What a measurement comes to."""

    STAY = "stay"
    TAKE_OVER = "take over"
    HAND_BACK = "hand back"


class RealTime:
    """Running → paused → on trial → running, or paused again for longer."""

    def __init__(self) -> None:
        self.paused = False
        """Whether the model is to be left alone."""
        self.on_trial = False
        """Whether it runs, but is not yet believed."""
        self._pause_s = PAUSE_S
        self._start_count()

    def worked(self, sound_s: float, work_s: float) -> Verdict:
        """The model took `work_s` for `sound_s` of sound."""
        self._sound_s += sound_s
        self._work_s += work_s
        if self._sound_s < WATCHED_S:
            return Verdict.STAY
        load = self._work_s / self._sound_s
        self._start_count()
        if self.on_trial:
            self.on_trial = False
            if load <= KEEPS_UP:
                self._pause_s = PAUSE_S
                return Verdict.HAND_BACK
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self.paused = True
            return Verdict.STAY
        self.paused = load > TOO_SLOW
        return Verdict.TAKE_OVER if self.paused else Verdict.STAY

    def rested(self, sound_s: float) -> None:
        """The model was left alone for `sound_s` of sound; after a while it is tried again."""
        self._sound_s += sound_s
        if self._sound_s >= self._pause_s:
            self.paused, self.on_trial = False, True
            self._start_count()

    def _start_count(self) -> None:
        self._sound_s = self._work_s = 0.0
