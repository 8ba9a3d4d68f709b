"""Near misses as events, made only while somebody traces them."""

from kwsd.events import NearMiss as NearMissEvent
from kwsd.outlets.bus import Bus
from kwsd.search.rules import NearMiss
from kwsd.spotters.phrases import Spotter


class NearMissTeller:
    """Told by a spotter, on the decoding thread, of what it nearly heard."""

    def __init__(self, spotter: Spotter, bus: Bus) -> None:
        self._spotter = spotter
        self._bus = bus

    def __call__(self, near: NearMiss) -> None:
        """Publish it, if it is wanted."""
        if "near_miss" not in self._bus.wanted:
            return
        keyword = self._spotter.keywords[near.keyword]
        self._bus.publish(
            NearMissEvent(
                keyword=keyword.label,
                phrase=keyword.phrase,
                start=self._spotter.seconds_of(near.emissions[0]),
                end=self._spotter.seconds_of(near.alignment.frames[-1] + 1),
                score=round(near.alignment.score, 4),
                min_score=round(near.alignment.min_score, 4),
                reason=near.reason,
            )
        )
