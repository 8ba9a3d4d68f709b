"""The sound of orders: kept while it may be wanted, told to who subscribes, written down at their end."""

import base64
from collections import deque
from collections.abc import Iterator, Sequence

from kwsd.events import Event
from kwsd.limits import PRE_ROLL_S
from kwsd.orders import Audio, NoSpeech, SpeechEnd
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
UNDECIDED_S = 5.0
"""Sound that came since the end of a keyword or an order, until that is decided."""
RECENT_S = PRE_ROLL_S.high + UNDECIDED_S
"""Wanted of what came before an order, whatever its settings."""
BEFORE_SAMPLES = samples(PRE_ROLL_S.high + 1)
"""Kept for a program that asks: the pre-roll, and what is not heard yet when it does."""


class OrderSound:
    """On the decoding thread, around the spotter."""

    def __init__(
        self, spotter: Spotter, bus: Publisher, recent: RecentAudio, *, keeps_all: bool, files: OrderFiles | None
    ) -> None:
        """`recent` holds RECENT_S or more; `keeps_all`: it is wanted for other things than orders."""
        self._spotter = spotter
        self._bus = bus
        self._recent = recent
        self._keeps_all = keeps_all
        self._files = files
        self._unwritten: deque[Chunk] = deque()
        self._told: Listening | None = None
        self._next = 0

    def take(self, chunk: Chunk) -> None:
        """The next sound, before it is heard. Where no order may follow it waits until a program asks for one.

        What came before the microphone was muted or lost is nothing that it may ask for.
        """
        if not len(chunk.samples) or self._spotter.orders is None:
            self._unwritten.clear()
        if len(chunk.samples):
            self._unwritten.append(chunk)
        if (
            self._keeps_all
            or self._listening
            or any(keyword.listen or keyword.then for keyword in self._spotter.keywords)
        ):
            self._write()
        while self._unwritten and self._unwritten[0].end_sample < chunk.end_sample - BEFORE_SAMPLES:
            self._unwritten.popleft()

    def around(self, events: Sequence[Event]) -> Iterator[Event]:
        """What was heard, and beside it the sound of the order that it is about: all of it before its `speech_end`."""
        for event in events:
            if isinstance(event, SpeechEnd | NoSpeech):
                if self._told is None or seconds(self._told.since_sample) != event.since:  # it began just now
                    self._next = samples(event.sound_start if isinstance(event, SpeechEnd) else event.stream_time)
                yield from self._audio(event.since, samples(event.stream_time), least=1)
                self._told = None
            if self._files is None or not isinstance(event, SpeechEnd):
                yield event
            else:
                self._files.write(event)
        listening = self._listening
        if listening is not None:
            if listening is not self._told:
                orders = listening.settings
                self._recent.lengthen(samples(orders.pre_roll_s + orders.nothing_s + orders.longest_s + UNDECIDED_S))
                self._write()
                self._next = listening.since_sample - samples(orders.pre_roll_s)
            yield from self._audio(seconds(listening.since_sample), self._recent.end, least=LEAST_SAMPLES)
        self._told = listening

    @property
    def _listening(self) -> Listening | None:
        return None if self._spotter.orders is None else self._spotter.orders.listening

    def _write(self) -> None:
        while self._unwritten:
            self._recent.write(self._unwritten.popleft())

    def _audio(self, since: float, end: int, least: int) -> Iterator[Audio]:
        """What is not told yet, up to `end`."""
        if not self._bus.wants(Audio.type):
            return
        self._next = max(self._next, self._recent.start)
        while min(end, self._recent.end) - self._next >= least:
            start, pcm = self._recent.cut(self._next, min(end, self._next + MOST_SAMPLES))
            self._next = start + len(pcm)
            raw = base64.b64encode(pcm.astype("<i2").tobytes()).decode()
            yield Audio(since=since, start=seconds(start), pcm=raw)
