"""When lost sound is a hiccup, and when the machine is too slow. Pure; all times are seconds of sound."""

PERSISTS_S = 5.0  # losses for so long are no hiccup
PAUSE_S = 5.0  # without a loss for so long, the next one starts a new count; longer than any backlog in use
RECOVERS_S = 10.0  # without a loss for so long, decoding keeps up again


class Overload:
    """Watches losses; `degraded` says what to think of them."""

    def __init__(self) -> None:
        self.degraded = False
        self._since_s: float | None = None
        self._last_s = 0.0  # where sound came again after the last loss

    def lost(self, position_s: float, lost_s: float) -> bool:
        """So much was dropped from this position on. True when that makes it `degraded`."""
        if not self.is_losing(position_s):
            self._since_s = position_s
        self._last_s = position_s + lost_s
        if self.degraded or self._since_s is None or position_s - self._since_s < PERSISTS_S:
            return False
        self.degraded = True
        return True

    def is_losing(self, position_s: float) -> bool:
        """Whether a loss at this position would belong to those before."""
        return self._since_s is not None and position_s - self._last_s <= PAUSE_S

    def kept_up(self, position_s: float) -> bool:
        """Sound was decoded up to this position. True when that ends being `degraded`."""
        if not self.degraded or position_s - self._last_s < RECOVERS_S:
            return False
        self.degraded = False
        self._since_s = None
        return True
