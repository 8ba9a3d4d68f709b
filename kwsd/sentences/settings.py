"""How sentences are armed, ended and believed."""

from typing import Annotated

from kwsd.limits import ARMED_S, BEAM, END_S, THRESHOLD
from kwsd.quick_dataclass import dataclass
from kwsd.timebase import encoder_frames


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceSettings:
    """[intents]: for `--sentences`."""

    threshold: Annotated[float, THRESHOLD] = 0.21
    """Smallest score of a sentence that is accepted; below it the nearest sentence is told as rejected."""
    armed_s: Annotated[float, ARMED_S] = 8.0
    """Seconds after a wake word in which a sentence may begin; a list that follows one has its keyword's `then_s`."""
    end_s: Annotated[float, END_S] = 0.8
    """Silence that ends a sentence, seconds."""
    beam: Annotated[int, BEAM] = 64
    """Hypotheses kept per frame."""

    @property
    def end_frames(self) -> int:
        """`end_s` in encoder frames."""
        return encoder_frames(self.end_s)
