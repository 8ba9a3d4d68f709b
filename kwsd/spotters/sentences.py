"""Sentences in one stream of sound, alone or after a wake word, and the lists that follow a keyword."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kwsd.acoustic.model import Model
from kwsd.events import Detection, Event
from kwsd.intents import Intent, IntentSlot
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.beam import Match
from kwsd.search.recent_frames import RecentFrames
from kwsd.search.settings import OrderSettings, SearchSettings
from kwsd.sentences.compile import CompiledSentences
from kwsd.sentences.files import Template
from kwsd.sentences.graph import SentenceReading
from kwsd.sentences.search import HeardSentence, SentenceSearch
from kwsd.sentences.settings import SentenceSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Frames
from kwsd.timebase import encoder_frame_start, samples, seconds


class SentenceSpotter(PhraseSpotter):
    """Keywords, if there are any, and sentences on the same frames.

    Without keywords the sentences are armed all the time; with them from a detection on, for `armed_s` seconds, unless
    the microphone is muted or lost meanwhile.
    """

    def __init__(
        self,
        model: Model,
        keywords: Sequence[Keyword | str] | CompiledKeywords,
        settings: SearchSettings | None = None,
        *,
        sentences: CompiledSentences,
        intents: SentenceSettings,
        quiet_gate: bool = False,
        automatic_gain: bool = False,
        orders: OrderSettings | None = None,
    ) -> None:
        """As `PhraseSpotter`, and the sentences compiled for the same model. Raises ConfigError as it does."""
        self._search = SentenceSearch(sentences, model.transducer, intents)
        self._intents = intents
        super().__init__(model, keywords, settings, quiet_gate=quiet_gate, automatic_gain=automatic_gain, orders=orders)

    def reset(self) -> None:
        """Begin a new stream at 0 s with the same keywords and sentences."""
        super().reset()
        self.sentences: SentenceSearch = self._search
        self.sentences.disarm()
        self._armed_until, self._origin_sample = 0, 0
        self._heard = RecentFrames()
        self._stay_open()
        if self._always:
            self.sentences.arm()

    def _stay_open(self) -> None:
        """A quiet gate waits for the end of a sentence, too: a soft last word is heard, and nothing is told later."""
        if self._stream.gate:
            pause = -(-self._intents.end_frames // self._model.encoder.output_frames)
            self._stream.gate.hang_over = max(self._stream.gate.hang_over, pause)

    @property
    def _always(self) -> bool:
        """Whether no keyword arms them."""
        return not self.keywords

    def replace(self, compiled: CompiledKeywords) -> None:
        """As `PhraseSpotter` does. A sentence that is being said when the first keyword comes is heard out."""
        super().replace(compiled)
        self._stay_open()
        if self._always and not self.sentences.is_under_way:
            self.sentences.arm()

    def finish(self) -> list[Event]:
        """The sound has ended: what its last words complete. Nothing can be pushed behind it."""
        told = [*super().finish()]
        last = self._heard.last
        if last is not None:
            told += self._told(self.sentences.finish(), last)
        return told

    def search(self, frames: Frames, matches: list[Match] | None = None) -> Iterator[Event]:
        """What frames complete that were kept, or made elsewhere; `matches` as `KeywordSearch.push` takes them."""
        self._heard.push(frames)
        if frames.origin_sample != self._origin_sample:  # as behind a mute: what was said before it arms nothing now
            self._origin_sample, self._armed_until = frames.origin_sample, 0
            if not self._always:
                self.sentences.disarm()
        detected = list(super().search(frames, matches))
        yield from detected
        yield from self._told(self.sentences.push(frames), frames)
        if self._always:
            return
        if frames.arrived_sample >= self._armed_until and not self.sentences.is_under_way:
            self.sentences.disarm()
        labels = self.compiled.searched.labels  # a word of a list that follows one wakes nothing
        wakes = [event for event in detected if isinstance(event, Detection) and event.keyword in labels]
        if wakes:
            self._armed_until = frames.arrived_sample + samples(self._intents.armed_s)
            behind = self._heard.behind(samples(wakes[-1].end))  # one that was told late may be long over
            yield from self._told(self.sentences.arm(behind), frames)

    def _told(self, found: Iterable[HeardSentence], frames: Frames) -> Iterator[Intent]:
        """Behind a wake word one sentence is accepted."""
        for heard in found:
            if heard.accepted and not self._always:
                self.sentences.disarm()
            yield self._event(heard, frames)

    def _event(self, heard: HeardSentence, frames: Frames) -> Intent:
        reading = heard.reading
        template = self.sentences.compiled.listed.templates[reading.template]
        words = [step.arc.word for step in reading.steps]
        start, end = _seconds(frames, heard.emissions[0].frame), _seconds(frames, heard.emissions[-1].frame + 1)
        decided = seconds(frames.arrived_sample)
        return Intent(
            intent=template.intent,
            slots=tuple(slots_of(heard, template, frames)),
            text=" ".join(words),
            start=start,
            end=end,
            score=round(heard.score, 4),
            threshold=heard.threshold,
            rejected=not heard.accepted,
            nearest=None if heard.accepted else " ".join([*words, *reading.missing]),
            stream_time=decided,
            latency_ms=round((decided - end) * 1000, 1),
        )


def slots_of(heard: HeardSentence, template: Template, frames: Frames) -> Iterator[IntentSlot]:
    """What was said in slots, in order, then what the sentence means whatever is said."""
    for name, (value, first, last) in spans_of(heard.reading).items():
        steps = heard.reading.steps[first : last + 1]
        emitted = heard.emissions[steps[0].first : steps[-1].last + 1]
        text = " ".join(step.arc.word for step in steps)
        yield IntentSlot(
            name=name,
            value=text if value is None else value,
            text=text,
            start=_seconds(frames, emitted[0].frame),
            end=_seconds(frames, emitted[-1].frame + 1),
            score=round(sum(math.exp(emission.log_prob) for emission in emitted) / len(emitted), 4),
        )
    for name, value in template.slots.items():
        yield IntentSlot(name=str(name), value=value, text="", start=None, end=None, score=None)


def spans_of(reading: SentenceReading) -> Mapping[str, tuple[Any, int, int]]:
    """Slot → its value, its first and last word. Of one that is said twice the last counts."""
    spans: dict[str, tuple[Any, int, int]] = {}
    name, value, first = "", None, 0
    marks = [
        (number, mark)
        for number, step in enumerate(reading.steps)
        for mark in (*step.arc.before, None, *step.arc.after)
    ]
    said = -1
    for number, mark in [*marks, *((len(reading.steps), mark) for mark in reading.last)]:
        if mark is None:
            said = number
        elif mark.kind == "open":
            name, value, first = mark.value, None, said + 1
        elif mark.kind == "close":
            if name and said >= first:
                spans[name] = (value, first, said)
            name = ""
        elif mark.kind == "add":
            value = mark.value + (value or 0)
        else:
            value = mark.value
    return spans


def _seconds(frames: Frames, frame: int) -> float:
    return seconds(frames.origin_sample + encoder_frame_start(frame))
