"""How the fixed-set spotter decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

EngineName = Literal["ds-cnn", "nc-ssm"]
NOTHING: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackSettings:
    """Stream-wide settings; the defaults come from the curves in bench/results/commands12.md."""

    engine: EngineName = "ds-cnn"
    """Windows of a second, or a recurrent model that decides at every frame."""
    hop_s: float = 0.16
    """Seconds from one window of the DS-CNN to the next, a multiple of 0.01."""
    window_smoothing_s: float = 0.32
    """Posteriors of the DS-CNN are averaged over this long."""
    frame_smoothing_s: float = 0.3
    """Posteriors of the NC-SSM are averaged over this long."""
    hold_s: float | None = None
    """A word is reported once its posterior has not risen for this long: by then it is heard whether more follows.
    None takes the engine's own: 0.32 s for the DS-CNN, whose windows end after the word, and 0.48 s for the NC-SSM."""
    alone: bool = True
    """Report a word only when nothing nearly as loud sounds right before and after it."""
    refractory_s: float = 0.5
    """Audio time after the end of a word in which nothing else is reported: one detection per utterance."""
    thresholds: Mapping[str, float] = field(default_factory=lambda: NOTHING)
    """Smallest smoothed posterior that fires, by word; the model's own where a word is missing."""
    words: tuple[str, ...] = ()
    """Words to report; empty means those among the keywords, or all ten where none is."""
