"""The one face of whatever hears keywords in a stream."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from kwsd.acoustic.gate import Quiet
from kwsd.events import Event
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.sentences.search import SentenceSearch
from kwsd.spotters.orders import OrderListener
from kwsd.stream import Chunk, Frames
from kwsd.text.phrase_tokenizer import PhraseTokenizer


class Spotter(Protocol):
    """One stream; a new stream is a new, cheap object. One thread calls it, but `compile`, which any may."""

    @property
    def name(self) -> str:
        """What to call the models that hear now."""
        ...

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        ...

    @property
    def tokenizer(self) -> PhraseTokenizer:
        """The one that keywords are to be read with now."""
        ...

    @property
    def position_samples(self) -> int:
        """Samples of the stream so far, lost ones included."""
        ...

    @property
    def heard_samples(self) -> int:
        """Samples of the stream of which frames came, heard or known to be quiet; a little behind the position."""
        ...

    @property
    def bad_chunks(self) -> int:
        """Encoder calls that came to nothing usable."""
        ...

    @property
    def thresholds(self) -> dict[str, float]:
        """By the keyword's name: what a score has to reach."""
        ...

    def held(self) -> dict[str, float]:
        """By the keyword's name: what has been heard of it so far, 0 to 1; those of which there is nothing left out."""
        ...

    @property
    def frames(self) -> Sequence[Frames]:
        """Those that the last push searched; none where phrases are not listened for."""
        ...

    @property
    def weights(self) -> str:
        """Names the encoder that made them; empty where there is none."""
        ...

    @property
    def quiet(self) -> Quiet | None:
        """How things stand with the quiet gate; None where nothing passes one."""
        ...

    @property
    def gain_db(self) -> float:
        """By how much faint speech is lifted now."""
        ...

    @property
    def orders(self) -> OrderListener | None:
        """What listens for orders; None where nothing that hears now can."""
        ...

    @property
    def sentences(self) -> SentenceSearch | None:
        """What listens for sentences; None where nothing that hears now does."""
        ...

    def push(self, chunk: Chunk) -> Sequence[Event]:
        """The next sound → what is to be told, in the order decided."""
        ...

    def finish(self) -> Sequence[Event]:
        """The sound has ended: what can still be heard."""
        ...

    def compile(self, keywords: Sequence[Keyword]) -> Any:
        """Make a list ready for `replace`; slow. Raises ConfigError for what cannot be heard."""
        ...

    def replace(self, compiled: Any) -> None:
        """Listen for a compiled list from now on; fast."""
        ...


@runtime_checkable
class StandsIn(Protocol):
    """One that hears other words until the model of the user's list comes."""

    @property
    def stand_ins(self) -> tuple[Keyword, ...]:
        """What is heard meanwhile of a list that has nothing for `tokenizer`; none where such a list is refused."""
        ...


class PhraseHearer(Spotter, Protocol):
    """One that hears phrases of an open vocabulary."""

    compiled: CompiledKeywords
    """Its list."""
