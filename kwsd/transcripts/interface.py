"""The one face of whatever writes down what was said, and what it writes."""

from collections.abc import Sequence
from typing import Protocol

from kwsd.intents import SpokenWord
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Chunk, Frames


@dataclass(frozen=True, slots=True)
class Transcription:
    """What was said."""

    text: str
    words: tuple[SpokenWord, ...] = ()
    """Empty where the transcriber gives no times."""
    confidence: float | None = None
    """Of the whole, 0 to 1; None where the transcriber does not tell."""


class Transcriber(Protocol):
    """One utterance: sound goes in as it comes, text comes out at its end. One thread calls it, but `cancel`.

    It is made when somebody asks for text, so that nothing is computed while nobody does.
    """

    def push(self, chunk: Chunk, frames: Sequence[Frames]) -> None:
        """The next sound, and the encoder's frames that it completed: the transducer takes these, others the sound."""
        ...

    def finish(self) -> Transcription:
        """The utterance has ended: what was said. May take long.

        Raises:
            TranscriptError: there is no text; the message says why and what to do.
        """
        ...

    def cancel(self) -> None:
        """Nobody wants the text any more: let go of everything, from any thread; `finish` then raises."""
        ...
