"""What the daemon tells of orders → the events that run Home Assistant's pipeline on their sound."""

from collections import deque
from itertools import chain

from wyoming.audio import AudioChunk, AudioStop
from wyoming.event import Event
from wyoming.pipeline import PipelineStage, RunPipeline
from wyoming.wake import Detection

from kwsd.orders import Audio, NoSpeech, SpeechEnd, SpeechStart
from kwsd.protocol.connection import Record
from kwsd.protocol.listening import pcm_of
from kwsd.timebase import SAMPLE_RATE, samples, seconds

LEAD_S = 0.3
"""Sound before the speech of an order that is sent too; of the keyword nothing is."""
WIDTH, CHANNELS = 2, 1
MOST_HELD = 300
"""Pieces of sound, 0.1 s each, that are kept until somebody speaks."""
TYPES = (SpeechStart.type, SpeechEnd.type, NoSpeech.type, Audio.type)
"""Those that `take` wants."""


class OrderEvents:
    """One order at a time: whoever speaks into a second microphone meanwhile is not mixed with it.

    Nothing is sent until somebody speaks, so that where nothing is said no recogniser has to find that out.
    """

    def __init__(self, end_stage: PipelineStage) -> None:
        """Up to which stage Home Assistant is to go."""
        self._end_stage = end_stage
        self._order: tuple[str, float] | None = None
        self._first_sample = 0
        self._runs = False
        self._held: dict[tuple[str, float], deque[Record]] = {}

    def take(self, record: Record) -> list[Event]:
        """What to send now."""
        kind, order = record["type"], (record.get("source", ""), record["since"])
        events: list[Event] = []
        if kind == Audio.type:
            self._held.setdefault(order, deque(maxlen=MOST_HELD)).append(record)
        elif kind == SpeechStart.type and record["keyword"] is not None and self._order is None:
            self._order, self._first_sample = order, samples(max(record["since"], record["start"] - LEAD_S))
            events.append(Detection(name=record["keyword"]).event())
        if order == self._order:
            events += chain.from_iterable(map(self.sound, self._held.pop(order, ())))
        if kind in {SpeechEnd.type, NoSpeech.type}:
            self._held.pop(order, None)
            events += self.stop() if order == self._order else []
        return events

    def stop(self) -> list[Event]:
        """The order is over."""
        runs, self._runs, self._order = self._runs, False, None
        return [AudioStop().event()] if runs else []

    def lose(self) -> list[Event]:
        """What was told was not all: the daemon has gone, or we were too slow for it."""
        self._held.clear()
        return self.stop()

    def sound(self, record: Record) -> list[Event]:
        """Of one piece what lies behind the keyword; the first makes the pipeline begin."""
        start = samples(record["start"])
        pcm = pcm_of(record)[WIDTH * max(0, self._first_sample - start) :]
        if not pcm:
            return []
        stamp_ms = round(1000 * seconds(max(0, start - self._first_sample)))
        sound = AudioChunk(SAMPLE_RATE, WIDTH, CHANNELS, pcm, stamp_ms).event()
        if self._runs:
            return [sound]
        self._runs = True
        return [RunPipeline(PipelineStage.ASR, self._end_stage).event(), sound]
