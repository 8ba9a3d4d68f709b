"""What a listener is made of: engines that may sit out some of the sound."""

from collections.abc import Sequence
from typing import Protocol

from kwsd.audio.source import Samples
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.graph import ContextGraph
from kwsd.search.keyword_set import KeywordSet


class AnyEngine(Protocol):
    """What both engines have."""

    bad_chunks: int

    def accept(self, samples: Samples) -> list[Detection]:
        """The next sound."""
        ...

    def finish(self) -> list[Detection]:
        """What can still be heard at the end."""
        ...

    def skip(self, lost_samples: int) -> list[Detection]:
        """A gap in the sound."""
        ...

    def reset(self) -> None:
        """A new stream."""
        ...


class OpenSpotter(AnyEngine, Protocol):
    """The open-vocabulary engine; `kwsd.spotters.phrases.Spotter` is one."""

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        ...

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
        """Make a list ready. Raises ConfigError."""
        ...

    def set_keywords(self, keywords: CompiledKeywords) -> None:
        """Listen for these from now on."""
        ...


class Seat:
    """An engine that may sit out; what it missed is one gap to it."""

    def __init__(self, engine: AnyEngine) -> None:
        self.engine = engine
        self._missed_samples = 0

    def hear(self, samples: Samples) -> list[Detection]:
        """The next sound, after the gap if there was one."""
        missed, self._missed_samples = self._missed_samples, 0
        before = self.engine.skip(missed) if missed else []
        return before + self.engine.accept(samples)

    def sit_out(self, samples: int) -> None:
        """Let so much sound pass."""
        self._missed_samples += samples

    def finish(self) -> list[Detection]:
        """The sound has ended; after a gap there is nothing left to hear."""
        return [] if self._missed_samples else self.engine.finish()

    def reset(self) -> None:
        """A new stream."""
        self._missed_samples = 0
        self.engine.reset()


def without_graph(keywords: Sequence[Keyword]) -> CompiledKeywords:
    """A list as it is while only the fixed set listens: nothing is compiled."""
    enabled = tuple(keyword for keyword in keywords if keyword.enabled)
    nothing = KeywordSet(
        labels=(),
        limits=(),
        graph=ContextGraph([]),
        word_starts=frozenset(),
        marks_words=True,
        beam=1,
        beam_delta=0.0,
    )
    return CompiledKeywords(enabled, nothing)


def is_compiled(keywords: CompiledKeywords) -> bool:
    """Whether the open-vocabulary engine made the list ready."""
    return len(keywords.searched.labels) == len(keywords.keywords)
