"""Orders in one stream: what is said behind keywords that listen, and whenever a program asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kwsd.acoustic.model import Model
from kwsd.events import Detection, Event
from kwsd.keywords.compile import CompiledKeywords
from kwsd.orders import EndReason, NoSpeech, OrderEvent, SpeechEnd, SpeechStart
from kwsd.quick_dataclass import dataclass
from kwsd.search.endpoint import EarlySound, Endpointer, Over
from kwsd.search.recent_frames import RecentFrames
from kwsd.search.settings import OrderSettings
from kwsd.stream import Frames
from kwsd.timebase import encoder_frame_start, fbank_samples_needed, samples, seconds


@dataclass(frozen=True, slots=True)
class Listening:
    """For one order."""

    since_sample: int
    """The order lies behind."""
    keyword: str | None
    """Which one listens; None where a program asked."""
    settings: OrderSettings


class OrderListener:
    """Of one stream. While nobody listens, nothing is computed."""

    def __init__(self, model: Model, recent: RecentFrames, settings: OrderSettings) -> None:
        """`recent` keeps the frames of the stream, also those that are pushed here; `settings` are for keywords."""
        self.model = model
        """Whose frames come."""
        self.recent = recent
        """The newest of them."""
        self._settings = settings
        self.listening: Listening | None = None
        """For what at the moment, if for anything."""
        self._endpointer: Endpointer | None = None
        """None until frames come."""
        self._origin_sample = self._arrived_sample = 0
        self._asked_sample = -1

    def hear(self, heard: Sequence[Event], compiled: CompiledKeywords) -> Iterator[OrderEvent]:
        """What was heard: behind a keyword with `listen` an order is listened for, unless one is already."""
        for event in heard:
            if isinstance(event, Detection) and event.keyword in compiled.listening and self.listening is None:
                yield from self.listen(Listening(samples(event.end), event.keyword, self._settings))

    def ask(self, settings: OrderSettings) -> Iterator[OrderEvent]:
        """Listen from now on, which is behind the last frames, because a program wants it."""
        last = self.recent.last
        now = 0 if last is None else last.origin_sample + encoder_frame_start(last.first + last.count)
        self._asked_sample = max(now, self._asked_sample + 1)  # `since` names an order: no other has the same
        yield from self.listen(Listening(self._asked_sample, None, settings))

    def listen(self, wanted: Listening) -> Iterator[OrderEvent]:
        """Listen behind a sample that may have been heard already. What was listened for before is stopped."""
        yield from self.stop("stopped")
        self.listening, self._endpointer = wanted, None
        for frames in self.recent.behind(wanted.since_sample):
            yield from self.push(frames)

    def push(self, frames: Frames) -> Iterator[OrderEvent]:
        """The next frames → what is to be told of an order."""
        listening = self.listening
        if listening is None:
            return
        if self._endpointer is None:
            self._origin_sample, behind_word = frames.origin_sample, listening.keyword is not None
            self._endpointer = Endpointer(
                self.model.transducer, listening.settings, frames.first, behind_word=behind_word
            )
            for before in self.recent:
                if before.first + before.count <= frames.first:
                    self._endpointer.know(before)
        if frames.origin_sample != self._origin_sample:
            yield from self.stop("lost")
            return
        self._arrived_sample = frames.arrived_sample
        for found in self._endpointer.push(frames):
            if isinstance(found, Over):
                reason: EndReason = "longest" if found.is_cut else "silence"
                yield self._over(listening, found, reason, frames.arrived_sample)
            else:
                yield SpeechStart(
                    keyword=listening.keyword,
                    since=seconds(listening.since_sample),
                    start=self._seconds(found.first),
                    stream_time=seconds(frames.arrived_sample),
                )

    def wait(self, ahead: EarlySound) -> Iterator[OrderEvent]:
        """Sound has come of which there are no frames yet: whether an order is over all the same."""
        while self.listening and self._endpointer and self._endpointer.due is not None:
            due_sample = self._origin_sample + fbank_samples_needed(self._endpointer.due)
            if due_sample > ahead.arrived_sample:
                return
            for over in self._endpointer.wait(ahead):
                yield self._over(self.listening, over, "silence", max(due_sample, self._arrived_sample))

    def stop(self, reason: EndReason) -> Iterator[OrderEvent]:
        """Listen no longer; an order that is under way ends where it is."""
        listening, last = self.listening, self.recent.last
        if listening is not None:
            found = Over(None, 0) if self._endpointer is None else self._endpointer.stop()
            arrived = listening.since_sample if last is None else max(listening.since_sample, last.arrived_sample)
            yield self._over(listening, found, reason, arrived)

    def _over(self, listening: Listening, found: Over, reason: EndReason, arrived_sample: int) -> OrderEvent:
        self.listening = self._endpointer = None
        keyword, since = listening.keyword, seconds(listening.since_sample)
        heard = seconds(arrived_sample)
        if found.first is None:
            return NoSpeech(keyword=keyword, since=since, reason=reason, stream_time=heard)
        end = self._seconds(found.last)
        pre_roll_s = listening.settings.pre_roll_s
        return SpeechEnd(
            keyword=keyword,
            since=since,
            start=self._seconds(found.first),
            end=end,
            reason=reason,
            sound_start=round(max(0.0, since - pre_roll_s), 6),
            sound_end=heard,  # `end` is an estimate, and a weak last word lies behind it
            stream_time=heard,
            latency_ms=round((heard - end) * 1000, 1),
        )

    def _seconds(self, frame: int) -> float:
        return seconds(self._origin_sample + encoder_frame_start(frame))
