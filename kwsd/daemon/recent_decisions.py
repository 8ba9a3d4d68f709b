"""The last detections and near misses, for who asks why. Written by the decoding thread, read on the event loop."""

from collections import deque

from kwsd.events import Detection, NearMiss
from kwsd.protocol.messages import CommandError

REMEMBERED = 256  # of both kinds: a few hundred kB at most, and some hours of an ordinary room

Decision = Detection | NearMiss


class RecentDecisions:
    """What was decided lately, the oldest first."""

    def __init__(self) -> None:
        self._known: deque[Decision] = deque(maxlen=REMEMBERED)

    def take(self, event: Decision) -> None:
        """Remember it; the oldest is forgotten."""
        self._known.append(event)

    def find(self, event: str) -> Decision:
        """The one that is called `17` (a detection), `m17` (a near miss) or `last`. Raises CommandError."""
        known = tuple(self._known)
        if event == "last" and known:
            return known[-1]
        kind: type[Decision] = NearMiss if event.startswith("m") else Detection
        number = event.removeprefix("m")
        for decision in reversed(known):
            if isinstance(decision, kind) and str(decision.id) == number:
                return decision
        what = "nothing was heard yet, nor nearly" if event == "last" else f"there is no {event}, or it is too long ago"
        raise CommandError(f"event: {what}; `kwsctl trace` shows what comes and how it is called")
