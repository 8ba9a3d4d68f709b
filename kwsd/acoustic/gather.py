"""One encoder for the streams of several threads: what is due within a few milliseconds is heard in one call."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import field
from typing import TYPE_CHECKING

from kwsd.acoustic.encoder import Encoder
from kwsd.quick_dataclass import dataclass

if TYPE_CHECKING:
    from kwsd.acoustic.caches import State
    from kwsd.stream import Float32

GATHERED_S = 0.02
"""The longest that a segment waits for those of others."""
LATELY_S = 0.7
"""A stream that was heard within so long, two segments, is waited for; one in a quiet room is not."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """What one thread wants encoded."""

    segments: Sequence[Float32]
    states: Sequence[State]
    heard: Future[list[tuple[Float32, State]]] = field(default_factory=Future)


class GatheringEncoder(Encoder):
    """The same session and weights. Any thread calls `run`, each for streams of its own."""

    def __init__(self, encoder: Encoder) -> None:
        vars(self).update(vars(encoder))
        self.gathered = 0
        """Segments that were heard together with those of another thread."""
        self._waiting: list[Call] = []
        self._called_at_s: dict[int, float] = {}
        self._changed = threading.Condition()

    def run(self, segments: Sequence[Float32], states: Sequence[State]) -> list[tuple[Float32, State]]:
        """As of every encoder. Who comes first waits a little for those who were heard lately, and hears for all."""
        call = Call(segments, states)
        with self._changed:
            self._called_at_s[threading.get_ident()] = time.monotonic()
            self._waiting.append(call)
            self._changed.notify_all()
            if self._waiting[0] is call:
                self._changed.wait_for(self.all_are_there, GATHERED_S)
                together, self._waiting = self._waiting, []
            else:
                together = []
        if together:
            self._hear(together)
        return call.heard.result()

    def all_are_there(self) -> bool:
        """Whether everybody who was heard lately wants the next segment encoded."""
        since_s = time.monotonic() - LATELY_S
        return len(self._waiting) >= sum(at_s > since_s for at_s in self._called_at_s.values())

    def _hear(self, calls: list[Call]) -> None:
        """The failure of a call for all is that of whom it fails alone."""
        segments = [segment for call in calls for segment in call.segments]
        states = [state for call in calls for state in call.states]
        try:
            heard = iter(super().run(segments, states))
            for call in calls:
                call.heard.set_result([next(heard) for _ in call.segments])
        except Exception as error:  # noqa: BLE001  it is raised again where it is awaited
            if len(calls) == 1:
                calls[0].heard.set_exception(error)
                return
            for call in calls:
                self._hear([call])
        else:
            self.gathered += len(segments) if len(calls) > 1 else 0
