"""Where in the last second the word was: the stretch of sound around the loudest frame."""

from dataclasses import dataclass

import numpy as np

from kwsd.fallback.frontend import FloatArray

ACTIVE_PART = 0.35  # of the way from the quiet frames to the loudest one
QUIET_ONE_IN = 10  # frames that are quieter than what counts as quiet
CLOSURE_FRAMES = 12  # longest silence inside a word: the closure before a final t or p


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `start` to `end`, the end not included."""

    start: int
    end: int


def sounding_span(loudness: FloatArray) -> Span:
    """Mean grey value per frame (n,), n > 0 → the frames of the word."""
    quiet = float(np.sort(loudness)[len(loudness) // QUIET_ONE_IN])  # np.percentile would load 10 MB of numpy
    active = loudness >= quiet + ACTIVE_PART * (float(loudness.max()) - quiet)
    loudest = int(np.argmax(loudness))
    return Span(loudest - _reach(active[loudest::-1]), loudest + _reach(active[loudest:]) + 1)


def _reach(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """How far activity goes on from place 0, over closures."""
    places = np.flatnonzero(active)
    breaks = np.flatnonzero(np.diff(places) > CLOSURE_FRAMES)
    return int(places[breaks[0]] if len(breaks) else places[-1])
