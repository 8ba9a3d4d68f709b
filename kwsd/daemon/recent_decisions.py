"""The last detections and near misses, for who asks why. Written by the decoding thread, read on the event loop."""

import logging
from collections import deque
from dataclasses import replace
from itertools import count

from kwsd.events import Detection, NearMiss
from kwsd.protocol.messages import CommandError
from kwsd.why import sentences

logger = logging.getLogger(__name__)

REMEMBERED = 256  # of both kinds: a few hundred kB at most, and some hours of an ordinary room

Decision = Detection | NearMiss


class RecentDecisions:
    """What was decided lately, the oldest first."""

    def __init__(self) -> None:
        self._known: deque[Decision] = deque(maxlen=REMEMBERED)
        self._numbers = {kind.type: count(1) for kind in (Detection, NearMiss)}

    def take(self, event: Decision) -> Decision:
        """Remember it under the next number of its kind; the oldest is forgotten. With -v what decided is logged."""
        numbered = replace(event, id=next(self._numbers[event.type]))
        self._known.append(numbered)
        if event.why is not None and logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s", " ".join(sentences(event.keyword, event.why)))
        return numbered

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
