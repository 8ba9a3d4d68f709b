"""What the daemon needs of whatever hears keywords."""

from collections.abc import Sequence
from typing import Protocol

from kwsd.audio.source import Samples
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword


class Engine(Protocol):
    """One stream. `kwsd.spotters.phrases.Spotter` is one. All but `compile` is called by the decoding thread only."""

    @property
    def bad_chunks(self) -> int:
        """Chunks that came to nothing usable."""
        ...

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for. Read from any thread."""
        ...

    @property
    def position_samples(self) -> int:
        """Samples of the stream so far, lost ones included."""
        ...

    def accept(self, samples: Samples) -> list[Detection]:
        """The next sound."""
        ...

    def finish(self) -> list[Detection]:
        """What can still be heard at the end."""
        ...

    def skip(self, lost_samples: int) -> list[Detection]:
        """A gap in the sound, and what was said just before it."""
        ...

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
        """Make a list ready; slow, and safe on any thread. Raises ConfigError."""
        ...

    def set_keywords(self, keywords: CompiledKeywords) -> None:
        """Listen for these from now on; fast."""
        ...
