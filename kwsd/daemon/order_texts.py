"""The text of each order, by a transcriber of its own: sound and frames as they come; the text is waited for aside."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from kwsd.acoustic.model import Model
from kwsd.config.transcripts import Transcripts
from kwsd.errors import TranscriptError
from kwsd.events import Event
from kwsd.intents import Transcript
from kwsd.orders import NoSpeech, SpeechEnd, SpeechStart
from kwsd.search.recent_frames import KEPT_SAMPLES
from kwsd.spotters.interface import Spotter
from kwsd.stream import Chunk
from kwsd.timebase import encoder_frame_start, samples
from kwsd.transcripts.interface import Transcriber, Transcription
from kwsd.transcripts.open import Transcribers, open_transcribers

logger = logging.getLogger(__name__)

BEFORE_SAMPLES = samples(0.2)
"""A word begins before the first frame that is surely speech."""
CALLED_OFF_S = 0.2
"""Until a text that is called off has been told; a program is killed in far less."""
MOST_AT_WORK = 2
"""Orders whose text is waited for: with more, the transcriber is slower than whoever speaks."""


@dataclass(slots=True)
class Order:
    """One that is being said, or waited for."""

    transcriber: Transcriber | None
    """None where it failed."""
    error: str | None
    next_sample: int
    """Frames that begin before were taken."""

    def transcript(self, end: SpeechEnd, name: str) -> Transcript:
        """What was said up to this end, or why that is not known; may take long. `name` is the transcriber's."""
        said, error, began_s = Transcription(""), self.error, time.monotonic()
        try:
            if self.transcriber is not None:
                said = self.transcriber.finish()
        except TranscriptError as failure:
            error = str(failure)
        except Exception as failure:  # of any library: hearing goes on
            logger.exception("an order could not be transcribed")
            error = f"{type(failure).__name__}: {failure}"
        return Transcript(
            keyword=end.keyword,
            since=end.since,
            text=said.text,
            words=said.words,
            confidence=said.confidence,
            start=end.start,
            end=end.end,
            transcriber=name,
            latency_ms=round(end.latency_ms + (time.monotonic() - began_s) * 1000, 1),
            error=error,
        )


def transcribers_of(settings: Transcripts, spotter: Spotter) -> Transcribers | None:
    """With the model of this spotter; None where nobody wants texts. Raises ConfigError: there can be none."""

    def hearing() -> Model | None:
        return None if spotter.orders is None else spotter.orders.model

    return open_transcribers(settings, hearing)


class OrderTexts:
    """A watch. Whatever a transcriber does, hearing goes on: each text is waited for on a thread of its own."""

    def __init__(
        self, transcribers: Transcribers, spotter: Spotter, tell: Callable[[Transcript], None], *, may_wait: bool
    ) -> None:
        """`spotter` is the one whose orders they are; `tell` is called on any thread.

        `may_wait`: the sound is of a file, so that a transcriber that is slower than we hear is waited for.
        """
        self._transcribers, self._spotter, self._tell = transcribers, spotter, tell
        self._may_wait = may_wait
        self._sound: deque[Chunk] = deque()
        self._order: Order | None = None
        self._at_work: dict[threading.Thread, Order] = {}

    def push(self, chunk: Chunk, told: Iterable[Event]) -> tuple[()]:
        """The next sound, and what was told of it. A text is told when it is there, not here."""
        self._sound.extend([chunk] if len(chunk.samples) else ())  # signs of life while muted never become old
        while self._sound and self._sound[0].end_sample < chunk.end_sample - KEPT_SAMPLES:
            self._sound.popleft()
        self._take([chunk])
        for event in told:
            if isinstance(event, SpeechStart):
                start = max(samples(event.since), samples(event.start) - BEFORE_SAMPLES)
                try:
                    self._order = Order(self._transcribers.make(), None, start)
                except TranscriptError as error:
                    self._order = Order(None, str(error), start)
                self._take(part for each in self._sound if (part := behind(each, start)) is not None)
            elif isinstance(event, SpeechEnd) and self._order is not None:
                order, self._order = self._order, None
                working = [thread for thread in self._at_work if thread.is_alive()]
                if self._may_wait and len(working) >= MOST_AT_WORK:
                    working[0].join()
                self._at_work = {thread: each for thread, each in self._at_work.items() if thread.is_alive()}
                if len(self._at_work) >= MOST_AT_WORK:
                    order.transcriber, order.error = None, "earlier orders are still at work: the transcriber is slow"

                def work(order: Order = order, end: SpeechEnd = event) -> None:
                    self._tell(order.transcript(end, self._transcribers.name))

                thread = threading.Thread(target=work, name="transcript", daemon=True)
                self._at_work[thread] = order
                thread.start()
            elif isinstance(event, NoSpeech):
                self._order = None
        return ()

    def finish(self, wait_s: float) -> None:
        """Wait so long for texts that are under way; then they are called off, which is told of each."""
        self._join(wait_s)
        for thread, order in self._at_work.items():
            if thread.is_alive() and order.transcriber is not None:
                order.transcriber.cancel()
        self._join(max(wait_s, CALLED_OFF_S))

    def close(self, wait_s: float) -> None:
        """The same, and end what transcribes."""
        self.finish(wait_s)
        self._transcribers.close()

    def _join(self, wait_s: float) -> None:
        gives_up_s = time.monotonic() + wait_s
        for thread in self._at_work:
            thread.join(max(0.0, gives_up_s - time.monotonic()))

    def _take(self, chunks: Iterable[Chunk]) -> None:
        order, hears = self._order, self._spotter.orders
        if order is None or order.transcriber is None:
            return
        frames = [*hears.recent.behind(order.next_sample)] if hears else []
        if frames:
            order.next_sample = frames[-1].origin_sample + encoder_frame_start(frames[-1].first + frames[-1].count)
        try:
            for chunk in chunks:
                order.transcriber.push(chunk, frames)
                frames = []
        except TranscriptError as error:
            order.transcriber, order.error = None, str(error)


def behind(chunk: Chunk, sample: int) -> Chunk | None:
    """The part of a chunk that lies behind a sample of the stream; None where none does."""
    spoken = max(0, sample - chunk.start_sample)
    if spoken >= len(chunk.samples):
        return None
    return replace(chunk, start_sample=chunk.start_sample + spoken, samples=chunk.samples[spoken:])
