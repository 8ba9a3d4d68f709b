"""Where in the last second the word was, the stretch of sound around the loudest frame, and whether it is alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kwsd.commands12.frontend import FloatArray

ACTIVE_PART = 0.35  # of the way from the quiet frames to the loudest one
QUIET_ONE_IN = 10  # frames that are quieter than what counts as quiet
CLOSURE_FRAMES = 12  # longest silence inside a word: the closure before a final t or p
CONTEXT_FRAMES = 100  # before a word, in which what counts as quiet is looked for
BEFORE_FRAMES = 60  # that have to be quieter than a word that is said on its own
MARGIN_FRAMES = 3  # next to the word, which may still belong to it
AVERAGED_FRAMES = 5  # a click is shorter
ALONE_PART = 0.75  # of the way from the quiet frames to the word; what stays below is no speech of the same loudness


@dataclass(frozen=True, slots=True)
class Span:
    """Frames `start` to `end`, the end not included."""

    start: int
    end: int

    def moved(self, frames: int) -> Span:
        """The same, counted from `frames` earlier."""
        return Span(self.start + frames, self.end + frames)


def sounding_span(loudness: FloatArray) -> Span:
    """Mean grey value per frame (n,), n > 0 → the frames of the word."""
    quiet = quiet_level(loudness)
    active = loudness >= quiet + ACTIVE_PART * (float(loudness.max()) - quiet)
    loudest = int(np.argmax(loudness))
    return Span(loudest - _reach(active[loudest::-1]), loudest + _reach(active[loudest:]) + 1)


def stands_alone(loudness: FloatArray, word: Span) -> bool:
    """Whether nothing nearly as loud as a word sounds in the 0.6 s before it, nor after it until it was decided.

    A command is said on its own; a word of a sentence has neighbours. Measured from the quiet level to the word's own,
    so that a steady noise, however loud, is no neighbour.

    Args:
        loudness: mean grey value per frame (n,), from a second before the word up to when it was decided.
        word: where it is in `loudness`.
    """
    quiet = quiet_level(loudness)
    inside = np.sort(loudness[word.start : word.end])
    limit = quiet + ALONE_PART * (float(inside[-max(1, len(inside) // 8)]) - quiet)
    smooth = np.convolve(loudness, np.full(AVERAGED_FRAMES, 1 / AVERAGED_FRAMES), "same")
    before = smooth[max(0, word.start - BEFORE_FRAMES) : max(0, word.start - MARGIN_FRAMES)]
    after = smooth[word.end + MARGIN_FRAMES :]
    return not ((before > limit).any() or (after > limit).any())


def quiet_level(loudness: FloatArray) -> float:
    """Grey value that one frame in ten is quieter than."""
    return float(np.sort(loudness)[len(loudness) // QUIET_ONE_IN])  # np.percentile would load 10 MB of numpy


def _reach(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """How far activity goes on from place 0, over closures."""
    places = np.flatnonzero(active)
    breaks = np.flatnonzero(np.diff(places) > CLOSURE_FRAMES)
    return int(places[breaks[0]] if len(breaks) else places[-1])
