"""The last seconds of frames, so that what is said right behind a keyword is there once that is decided."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from kwsd.stream import Frames
from kwsd.timebase import ENCODER_SHIFT_SAMPLES, SUBSAMPLING, samples

KEPT_SAMPLES = samples(3)
"""By then a keyword is decided."""


class RecentFrames:
    """Of one stream. Nothing is copied."""

    def __init__(self) -> None:
        self._kept: deque[Frames] = deque()

    def push(self, frames: Frames) -> None:
        """The next ones; what came long before them is let go, and all that came before a new origin."""
        self._kept.append(frames)
        while self._kept[0].arrived_sample < frames.arrived_sample - KEPT_SAMPLES:
            self._kept.popleft()
        while self._kept[0].origin_sample != frames.origin_sample:
            self._kept.popleft()

    def behind(self, sample: int) -> Iterator[Frames]:
        """Those that begin at `sample` of the stream or later."""
        for frames in self._kept:
            spoken = -(-(sample - frames.origin_sample) // ENCODER_SHIFT_SAMPLES) - frames.first
            if spoken <= 0:
                yield frames
            elif spoken < frames.count:
                yield replace(
                    frames,
                    first=frames.first + spoken,
                    count=frames.count - spoken,
                    encoder_out=None if frames.encoder_out is None else frames.encoder_out[spoken:],
                    power=frames.power[spoken * SUBSAMPLING :],
                )

    def __iter__(self) -> Iterator[Frames]:
        """All of them, the oldest first."""
        return iter(self._kept)

    @property
    def last(self) -> Frames | None:
        """The newest; None before the first."""
        return self._kept[-1] if self._kept else None
