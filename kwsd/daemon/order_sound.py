"""The sound of orders: kept while it may be wanted, told to who subscribes, written down at their end."""

import base64
from collections.abc import Iterator, Sequence

from kwsd.events import Event
from kwsd.keywords.keyword import Keyword
from kwsd.orders import Audio, SpeechEnd
from kwsd.outlets.interface import Publisher
from kwsd.outlets.order_files import OrderFiles
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.spotters.interface import Spotter
from kwsd.spotters.orders import Listening
from kwsd.stream import Chunk
from kwsd.timebase import samples, seconds

LEAST_SAMPLES = samples(0.1)
"""In one event: 64 of them, which may wait for a subscriber, are 6 s."""
MOST_SAMPLES = samples(1)


class OrderSound:
    """On the decoding thread, around the spotter."""

    def __init__(
        self, spotter: Spotter, bus: Publisher, recent: RecentAudio, *, keeps_all: bool, files: OrderFiles | None
    ) -> None:
        """`keeps_all`: the sound is wanted for other things than orders."""
        self._spotter = spotter
        self._bus = bus
        self._recent = recent
        self._keeps_all = keeps_all
        self._files = files
        self._keywords: Sequence[Keyword] = ()
        self._told: Listening | None = None
        self._next = 0

    def take(self, chunk: Chunk) -> None:
        """The next sound, before it is heard. It is kept only where an order may follow."""
        if (
            self._keeps_all
            or self._listening
            or any(keyword.listen or keyword.then for keyword in self._spotter.keywords)
        ):
            self._recent.write(chunk)

    def around(self, events: Sequence[Event]) -> Iterator[Event]:
        """What was heard, and beside it the sound of the order that it is about: all of it before its `speech_end`."""
        ended = self._told if self._told is not self._listening else None
        if ended is not None:
            yield from self._audio(ended, least=1)
        for event in events:
            if self._files is None or not isinstance(event, SpeechEnd):
                yield event
            else:
                self._files.write(event)
        if self._listening is not None:
            if self._listening is not self._told:
                pre_roll = samples(self._listening.settings.pre_roll_s)
                self._next = max(self._recent.start, self._listening.since_sample - pre_roll)
            yield from self._audio(self._listening, least=LEAST_SAMPLES)
        self._told = self._listening

    @property
    def _listening(self) -> Listening | None:
        return None if self._spotter.orders is None else self._spotter.orders.listening

    def _audio(self, listening: Listening, least: int) -> Iterator[Audio]:
        if not self._bus.wants(Audio.type):
            return
        while self._recent.end - self._next >= least:
            start, pcm = self._recent.cut(self._next, self._next + MOST_SAMPLES)
            self._next = start + len(pcm)
            raw = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
            yield Audio(since=seconds(listening.since_sample), start=seconds(start), pcm=raw)
