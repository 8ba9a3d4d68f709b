"""Whether a microphone gives as much sound as time passes: a USB bus may lose some, and nobody says so. Pure."""

from collections import deque

WINDOW_S = 20.0
WINDOWS = 6
OFF = 0.05  # the clocks of sound cards are right to a thousandth; drivers hand over up to 2 s at once
PAUSE_S = 2.0  # without sound for so long it was closed, or the machine slept


class SoundRate:
    """Compares sound and time over two minutes, but for the slowest and the fastest 20 s: a machine may have paused."""

    def __init__(self) -> None:
        self.ratio = 1.0
        """Seconds of sound in a second, as far as is known."""
        self._windows: deque[tuple[float, float, float]] = deque(maxlen=WINDOWS)
        self._began: tuple[float, float] | None = None
        self._at_s = 0.0

    @property
    def is_off(self) -> bool:
        """Whether that is more than clocks differ by."""
        return abs(self.ratio - 1.0) > OFF

    def push(self, sound_s: float, now_s: float) -> None:
        """Sound has come up to here in its stream, where what is known as lost counts; now on the monotonic clock."""
        if self._began is None or now_s - self._at_s > PAUSE_S:
            self._windows.clear()
            self._began = sound_s, now_s
        self._at_s = now_s
        heard_s, took_s = sound_s - self._began[0], now_s - self._began[1]
        if took_s < WINDOW_S:
            return
        self._windows.append((heard_s / took_s, heard_s, took_s))
        self._began = sound_s, now_s
        if len(self._windows) == WINDOWS:
            inner = sorted(self._windows)[1:-1]
            self.ratio = sum(heard for _, heard, _ in inner) / sum(took for _, _, took in inner)
