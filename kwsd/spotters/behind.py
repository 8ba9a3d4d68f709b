"""The lists that follow keywords: each is searched behind its keyword, for as long as that one says."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kwsd.acoustic.model import Model
from kwsd.events import Detection, NearMiss
from kwsd.keywords.compile import CompiledKeywords
from kwsd.search.hits import Hit, Miss
from kwsd.search.search import KeywordSearch
from kwsd.spotters.found import event_of
from kwsd.stream import Frames
from kwsd.timebase import encoder_frame_start, samples

KEPT_SAMPLES = samples(3)
"""By then a keyword is decided, so that what was said right behind it is still to be had."""
LONGEST_SAMPLES = samples(10)
"""What begins while a list is armed may end so much later: the longest phrase that is aligned."""


@dataclass(frozen=True, slots=True, eq=False)
class Armed:
    """One list behind one keyword."""

    compiled: CompiledKeywords
    search: KeywordSearch
    until_sample: int
    """A phrase of it begins before."""


class ListsBehind:
    """Of one stream. While no keyword was heard that has one, nothing is searched."""

    def __init__(self, model: Model) -> None:
        """`model` is the one whose frames come."""
        self._model = model
        self._recent: deque[Frames] = deque()
        self._armed: dict[str, Armed] = {}

    def push(
        self, frames: Frames, heard: Sequence[Detection | NearMiss], compiled: CompiledKeywords
    ) -> Iterator[Detection | NearMiss]:
        """The next frames, and what was heard in them of `compiled` → what was heard of the lists that are armed."""
        for phrase, armed in [*self._armed.items()]:
            if phrase not in compiled.behind or frames.arrived_sample > armed.until_sample + LONGEST_SAMPLES:
                del self._armed[phrase]
            else:
                yield from self._told(armed, armed.search.push(frames), frames)
        self._recent.append(frames)
        while self._recent[0].arrived_sample < frames.arrived_sample - KEPT_SAMPLES:
            self._recent.popleft()
        for event in heard:
            if isinstance(event, Detection) and (behind := compiled.behind.get(event.phrase)):
                end = samples(event.end)
                search = KeywordSearch(behind.compiled.searched, self._model.transducer)
                armed = Armed(behind.compiled, search, end + behind.armed_samples)
                self._armed[event.phrase] = armed
                rest = [cut for kept in self._recent if (cut := kept.behind(end)) is not None]
                for each in rest:
                    if each.origin_sample == frames.origin_sample:
                        yield from self._told(armed, search.push(each), frames)

    def finish(self) -> Iterator[Detection | NearMiss]:
        """The sound has ended: what waited for more of it."""
        if self._recent:
            for armed in self._armed.values():
                yield from self._told(armed, armed.search.finish(), self._recent[-1])

    def _told(self, armed: Armed, found: Sequence[Hit | Miss], frames: Frames) -> Iterator[Detection | NearMiss]:
        for each in found:
            if frames.origin_sample + encoder_frame_start(each.emitted[0]) < armed.until_sample:
                yield event_of(each, frames, armed.compiled, self._model.tokenizer)
