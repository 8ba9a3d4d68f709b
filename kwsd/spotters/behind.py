"""What follows keywords: orders, and lists that are searched behind theirs, for as long as that one says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kwsd.acoustic.ahead import SoundAhead
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.events import Detection, Event, NearMiss
from kwsd.keywords.compile import CompiledKeywords
from kwsd.quick_dataclass import dataclass
from kwsd.search.hits import Hit, Miss
from kwsd.search.recent_frames import RecentFrames
from kwsd.search.search import KeywordSearch
from kwsd.search.settings import OrderSettings
from kwsd.spotters.found import event_of
from kwsd.spotters.orders import OrderListener
from kwsd.stream import Frames
from kwsd.timebase import encoder_frame_start, samples

LONGEST_SAMPLES = samples(10)
"""What begins while a list is armed may end so much later: the longest phrase that is aligned."""


@dataclass(frozen=True, slots=True, eq=False)
class Armed:
    """One list behind one keyword."""

    compiled: CompiledKeywords
    search: KeywordSearch
    origin_sample: int
    """Of the frames in which the keyword was heard; what has another came behind a mute, or a loss of sound."""
    until_sample: int
    """A phrase of it begins before."""


class Behind:
    """What follows the keywords of one stream: orders, and the lists that they arm."""

    def __init__(self, model: Model, stream: AcousticStream, settings: OrderSettings | None) -> None:
        """`stream` gives the frames of `model`; `settings` are for orders, None where no program can ask for one."""
        self._may_be_asked = settings is not None
        self._ahead = SoundAhead(stream)
        self._recent = RecentFrames()
        self._lists = ListsBehind(model, self._recent)
        self.orders = OrderListener(model, self._recent, settings or OrderSettings())
        """Listens for what is said behind keywords with `listen`, or when asked."""

    def push(
        self, frames: Frames, heard: Sequence[Detection | NearMiss], compiled: CompiledKeywords
    ) -> Iterator[Event]:
        """The next frames, and what was heard in them of `compiled` → that, and what is to be told beside it."""
        if self._may_be_asked or compiled.behind or compiled.listening:
            self._recent.push(frames)
        yield from self.orders.push(frames)
        told = [*heard, *(self._lists.push(frames, heard, compiled) if compiled.behind else ())]
        yield from told
        yield from self.orders.hear(told, compiled)
        yield from self.wait()

    def wait(self) -> Iterator[Event]:
        """Sound has come of which there are no frames yet: whether an order is over all the same."""
        yield from self.orders.wait(self._ahead)

    def finish(self) -> Iterator[Event]:
        """The sound has ended: what waited for more of it."""
        yield from self._lists.finish()
        yield from self.orders.stop("lost")


class ListsBehind:
    """Of one stream. While no keyword was heard that has one, nothing is searched."""

    def __init__(self, model: Model, recent: RecentFrames) -> None:
        """`model` is the one whose frames come; `recent` keeps them."""
        self._model = model
        self._recent = recent
        self._armed: dict[str, Armed] = {}

    def push(
        self, frames: Frames, heard: Sequence[Detection | NearMiss], compiled: CompiledKeywords
    ) -> Iterator[Detection | NearMiss]:
        """The next frames, and what was heard in them of `compiled` → what was heard of the lists that are armed."""
        for phrase, armed in [*self._armed.items()]:
            is_over = frames.arrived_sample > armed.until_sample + LONGEST_SAMPLES
            if phrase not in compiled.behind or is_over or frames.origin_sample != armed.origin_sample:
                del self._armed[phrase]
            else:
                yield from self._told(armed, armed.search.push(frames), frames)
        for event in heard:
            if isinstance(event, Detection) and (behind := compiled.behind.get(event.phrase)):
                end = samples(event.end)
                search = KeywordSearch(behind.compiled.searched, self._model.transducer)
                until = end + behind.armed_samples
                armed = self._armed[event.phrase] = Armed(behind.compiled, search, frames.origin_sample, until)
                for each in self._recent.behind(end):
                    yield from self._told(armed, search.push(each), frames)

    def finish(self) -> Iterator[Detection | NearMiss]:
        """The sound has ended: what waited for more of it."""
        last = self._recent.last
        if last is not None:
            for armed in self._armed.values():
                yield from self._told(armed, armed.search.finish(), last)

    def _told(self, armed: Armed, found: Sequence[Hit | Miss], frames: Frames) -> Iterator[Detection | NearMiss]:
        for each in found:
            if frames.origin_sample + encoder_frame_start(each.emitted[0]) < armed.until_sample:
                yield event_of(each, frames, armed.compiled, self._model.tokenizer)
