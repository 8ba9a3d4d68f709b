"""The last frames of a stream, and how loud it was there: all that may still be asked about sound gone by."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from kwsd.stream import Float32, Frames
from kwsd.timebase import SUBSAMPLING

PAUSE_NATS = 5.0  # 22 dB: nine in ten wake words said alone fall further than this
QUIETEST = 0.1  # of the last seconds: between words and at their ends nothing but the room is heard


class FrameHistory:
    """The last encoder frames, addressed by their number since the origin."""

    def __init__(self, capacity: int) -> None:
        """Keep at least `capacity` frames."""
        self._capacity = capacity
        self._frames = np.empty((0, 0), np.float32)  # the known ones lie at its beginning; room for more behind them
        self._known = 0
        self._powers: deque[tuple[Float32, Float32]] = deque()
        self.end = 0
        """Number of the frame after the last one known."""

    @property
    def start(self) -> int:
        """Number of the oldest frame still known."""
        return self.end - self._known

    def push(self, frames: Frames) -> None:
        """Add what was heard; where nothing was, time passes and what came before is out of reach."""
        if frames.first > self.end:
            self.skip(frames.first - self.end)
        if frames.encoder_out is None:
            self.skip(frames.count)
            return
        self.append(frames.encoder_out)
        new = SUBSAMPLING * frames.count
        self._powers.append((frames.power[:new], frames.power[new:]))
        while len(self._powers) * frames.count > self._capacity + frames.count:
            self._powers.popleft()

    def append(self, frames: Float32) -> None:
        """Add (n, C) frames."""
        if self._known + len(frames) > len(self._frames):
            # Keep the last `capacity` frames and as much room again: most calls then move nothing.
            kept = self.tail(self._capacity).reshape(-1, frames.shape[1])
            self._frames = np.empty((2 * self._capacity + len(frames), frames.shape[1]), np.float32)
            self._frames[: len(kept)] = kept
            self._known = len(kept)
        self._frames[self._known : self._known + len(frames)] = frames
        self._known += len(frames)
        self.end += len(frames)

    def skip(self, frames: int) -> None:
        """Time passes without frames: what came before is out of reach."""
        self._known = 0
        self._powers.clear()
        self.end += frames

    def tail(self, count: int) -> Float32:
        """The last frames (n, C), at most `count`."""
        return self._frames[max(0, self._known - count) : self._known]

    def take(self, numbers: NDArray[np.intp]) -> Float32:
        """Frames (n, C) by number, all of them in `start`..`end`."""
        return self._frames[numbers - self.start]

    def loudness(self, first: int, last: int) -> tuple[float, float]:
        """Power, nats: the mean of frames `first` to `last`, so far as they are known, and the quietest tenth of all.

        Only asked for a hit or a miss: it looks through seconds of sound.
        """
        powers = np.concatenate([new for new, _ in self._powers])
        start = self.end - len(powers) // SUBSAMPLING
        span = powers[SUBSAMPLING * max(0, first - start) : SUBSAMPLING * max(1, last - start)]
        place = int(QUIETEST * (len(powers) - 1))
        # np.quantile would load numpy.ma at the first hit: 35 ms and 2 MB
        return float(np.log(np.exp(span).mean())), float(np.partition(powers, place)[place])

    def pause_ahead(self, frames: int) -> bool:
        """Whether the sound behind the last frame is quieter by PAUSE_NATS than the loudest of the last `frames`.

        The encoder sees 130 ms more than it has frames for. When the power in there lies far below the word's own, a
        pause has begun and the word cannot go on; in the middle of a longer word it does not fall that far (2.9 nats
        in NIGHTFALL behind NIGHT; a median of 9.3 behind wake words said alone).
        """
        heard = np.concatenate([new for new, _ in self._powers])[-SUBSAMPLING * frames :]
        return bool(self._powers[-1][1].max() <= heard.max() - PAUSE_NATS)
