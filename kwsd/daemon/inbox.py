"""Sound on its way from the capture thread to the decoding thread: bounded, and the oldest goes first."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from kwsd.audio.source import Samples
from kwsd.stream import Chunk

NOTHING: Samples = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class Turn:
    """What the decoding thread does next."""

    samples: Samples = field(default_factory=lambda: NOTHING)
    """float32 (n,), 16 kHz; may be empty."""
    lost_samples: int = 0
    """Samples missing just before `samples`: lost by the driver, or dropped here."""
    is_progress: bool = True
    """Whether it shows that capturing works: sound came, or an attempt to open the microphone ended."""


class AudioQueue:
    """At most `limit` samples wait. With `dropping`, for a microphone, more make the oldest go; else `put` waits."""

    def __init__(self, limit: int, *, dropping: bool) -> None:
        self.waiting = 0
        """Samples that wait to be decoded."""
        self._limit = limit
        self._dropping = dropping
        self._turns: deque[Turn] = deque()
        self._dropped = 0
        self._next_sample = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, chunk: Chunk) -> None:
        """Sound, in order."""
        with self._changed:
            if not self._dropping:
                self._changed.wait_for(lambda: self._closed or self.waiting < self._limit)
            self._turns.append(Turn(chunk.samples, chunk.start_sample - self._next_sample))
            self._next_sample = chunk.end_sample
            self.waiting += len(chunk.samples)
            self._drop_oldest()
            self._changed.notify_all()

    def put_sign(self, *, is_progress: bool) -> None:
        """No sound, but have the decoding thread take a turn."""
        with self._changed:
            self._turns.append(Turn(is_progress=is_progress))
            self._changed.notify_all()

    def close(self, *, discard: bool = False) -> None:
        """No more will come; iteration ends when what waits is taken, or at once with `discard`."""
        with self._changed:
            self._closed = True
            if discard:
                self._turns.clear()
                self.waiting = 0
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Turn]:
        """Turns, as they come, until the queue is closed and empty."""
        while (turn := self._take()) is not None:
            yield turn

    def _take(self) -> Turn | None:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._turns)
            if not self._turns:
                return None
            turn = self._turns.popleft()
            self.waiting -= len(turn.samples)
            lost, self._dropped = turn.lost_samples + self._dropped, 0
            self._changed.notify_all()
        return Turn(turn.samples, lost, turn.is_progress)

    def _drop_oldest(self) -> None:
        """What goes is remembered, and told with the turn that is then the oldest."""
        while self._dropping and self.waiting > self._limit and len(self._turns) > 1:
            turn = self._turns.popleft()
            self.waiting -= len(turn.samples)
            self._dropped += len(turn.samples) + turn.lost_samples
