"""Near misses as events, made only while somebody traces them."""

from kwsd.events import NearMiss
from kwsd.outlets.bus import Bus
from kwsd.search.hits import Miss
from kwsd.spotters.phrases import Spotter


class NearMissTeller:
    """Told by a spotter, on the decoding thread, of what it nearly heard."""

    def __init__(self, spotter: Spotter, bus: Bus) -> None:
        self._spotter = spotter
        self._bus = bus

    def __call__(self, near: Miss) -> None:
        """Publish it, if it is wanted."""
        if "near_miss" not in self._bus.wanted:
            return
        keyword = self._spotter.keywords[near.keyword]
        self._bus.publish(
            NearMiss(
                keyword=keyword.label,
                phrase=keyword.phrase,
                start=self._spotter.seconds_of(near.emitted[0]),
                end=self._spotter.seconds_of(near.aligned[-1] + 1),
                score=round(near.score, 4),
                min_score=round(near.min_score, 4),
                reason=near.reason,
            )
        )
