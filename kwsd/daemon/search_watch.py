"""What the search holds of the keywords, for whoever asks."""

from collections.abc import Iterator, Sequence

from kwsd.events import Event, Held
from kwsd.outlets.interface import Publisher
from kwsd.spotters.interface import Spotter
from kwsd.stream import Chunk


class SearchWatch:
    """Looks at a spotter after each chunk. On the decoding thread."""

    def __init__(self, bus: Publisher, spotter: Spotter) -> None:
        self._bus = bus
        self._spotter = spotter
        self._looked_at_sample = 0
        self._told: dict[str, float] = {}

    def push(self, _chunk: Chunk, _told: Sequence[Event]) -> Iterator[Event]:
        """What there is to tell, if anything was heard since the last look. That nothing is held is told once."""
        heard = self._spotter.heard_samples
        if heard == self._looked_at_sample or not self._bus.wants(Held.type):
            return
        self._looked_at_sample = heard
        scores = self._spotter.held()
        if scores or self._told:
            yield Held(scores=scores)
        self._told = scores
