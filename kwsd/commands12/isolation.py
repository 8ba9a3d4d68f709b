"""Where in the last second the word was, the stretch of sound around the loudest frame, and whether it is alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kwsd.commands12.decisions import Decision
from kwsd.commands12.frontend import CLIP_FRAMES, PIXEL_SLOPE, FloatArray
from kwsd.limits import EngineName
from kwsd.quick_dataclass import dataclass

ACTIVE_PART = 0.35  # of the way from the quiet frames to the loudest one
QUIET_ONE_IN = 10  # frames that are quieter than what counts as quiet
CLOSURE_FRAMES = 12  # longest silence inside a word: the closure before a final t or p
MARGIN_FRAMES = 3  # next to the word, which may still belong to it
AVERAGED_FRAMES = 5  # a click is shorter
UNDER_FRAMES = 16  # before a decision: the posteriors that were averaged for it
SILENCE_FRAMES = (112, 32)  # before a decision: from when to when silence is looked for
LEAST_SHARE = 0.003
SILENCE, UNKNOWN = "_silence_", "_unknown_"
COMMAND_WEIGHTS: dict[EngineName, tuple[tuple[float, ...], float]] = {
    "ds-cnn": ((0.22, -0.33, 1.13, 0.27, -16.45, -10.14, 0.36, -1.12), 0.62),
    "nc-ssm": ((0.32, -0.27, 1.66, 0.49, -5.11, -12.72, 0.43, -0.84), 1.31),
}
"""Weights of the signs, the last two those of the second opinion, and what their sum has to reach.

`python -m training.commands12 signs` finds them.
"""

LOOK_BACK: dict[EngineName, tuple[int, int, float | None]] = {
    "ds-cnn": (200, 160, 0.3),
    "nc-ssm": (100, 60, None),
}
"""Frames before a word: where quiet is looked for, and whose loudness counts; of that, what exceeds such a part of the
way from quiet to the word's own. What stays below is noise that goes on, and no neighbour."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """The last of a stream, as far as it is heard."""

    end_frame: int
    """Frame after the last one."""
    step_frames: int
    posteriors: FloatArray
    """(n, classes), one every `step_frames`, the last of everything before `end_frame`."""
    grey: FloatArray
    """(m, 40): the last frames."""
    told_frame: int = 0
    """Frame after the last word that was told: a command is no neighbour of the next one."""

    def until(self, frame: int) -> Past:
        """The same, without what came after a frame."""
        steps = max(0, self.end_frame - frame) // self.step_frames
        return Past(
            end_frame=self.end_frame - steps * self.step_frames,
            step_frames=self.step_frames,
            posteriors=self.posteriors[: len(self.posteriors) - steps],
            grey=self.grey[: len(self.grey) - steps * self.step_frames],
            told_frame=self.told_frame,
        )

    def word_before(self, frame: int) -> Span:
        """Where the word is that was decided at a frame: in the second before."""
        first = max(0, frame - CLIP_FRAMES, self.end_frame - len(self.grey))
        return sounding_span(self.sounded(Span(first, frame))).moved(first)

    def heard(self, first: int, last: int) -> FloatArray:
        """Posteriors of everything before each of the frames `first` to `last`, as far as they are kept."""
        known = len(self.posteriors)
        start, end = (known - (self.end_frame - frame) // self.step_frames for frame in (first, last))
        return self.posteriors[max(0, start - 1) : max(0, end)]

    def sounded(self, span: Span) -> FloatArray:
        """Loudness of these frames, as far as they are kept."""
        return np.asarray(self.pictured(span).mean(axis=1), np.float32)

    def pictured(self, span: Span) -> FloatArray:
        """These frames (n, 40), as far as they are kept."""
        kept_from = self.end_frame - len(self.grey)
        return self.grey[max(0, span.start - kept_from) : max(0, span.end - kept_from)]


def signs_of_a_command(
    past: Past, decision: Decision, word: Span, labels: Sequence[str], engine: EngineName
) -> FloatArray:
    """What tells a command that is said on its own from a word of a sentence: (6,).

    The word's own posterior and the largest of an unknown word beside it, and the mean one of silence in the second
    before, all as log-odds; by how much the loudest sound after the word is softer (nepers of power); the mean loudness
    before (since the last command that was told) and after, from 0 for the quiet level to 1 for the word's own.
    """
    context, counted, steady = LOOK_BACK[engine]
    under = past.heard(decision.frame - UNDER_FRAMES, decision.frame)
    before = past.heard(decision.frame - SILENCE_FRAMES[0], decision.frame - SILENCE_FRAMES[1])
    looked_at = max(len(before), (SILENCE_FRAMES[0] - SILENCE_FRAMES[1]) // past.step_frames)
    loudness = past.sounded(Span(max(0, word.start - context), past.end_frame))
    inside = np.sort(past.sounded(word))
    quiet, loud = quiet_level(loudness), float(inside[-max(1, len(inside) // 8)])
    smooth = np.convolve(loudness, np.full(AVERAGED_FRAMES, 1 / AVERAGED_FRAMES), "same")
    relative = (smooth - quiet) / max(loud - quiet, 1.0)
    told, start, end = (len(loudness) - (past.end_frame - edge) for edge in (past.told_frame, word.start, word.end))
    ahead = relative[max(0, start - counted, told + MARGIN_FRAMES) : max(0, start - MARGIN_FRAMES)]
    sides = ahead if steady is None else np.maximum(ahead - steady, 0.0), relative[end + MARGIN_FRAMES :]
    after = loud - float(smooth[end + MARGIN_FRAMES :].max(initial=quiet))
    shares = (
        decision.score,
        float(under[:, labels.index(UNKNOWN)].max()),
        # before a stream there was nothing but silence
        1.0 - float((1.0 - before[:, labels.index(SILENCE)]).sum()) / looked_at,
    )
    return np.array(
        [
            *map(log_odds, shares),
            min(max(after / PIXEL_SLOPE, -1.0), 9.0),
            *(float(side.mean()) if len(side) else 0.0 for side in sides),
        ],
        np.float32,
    )


def is_command(signs: FloatArray, engine: EngineName) -> bool:
    """Whether the signs, weighed, speak for a command that is said on its own."""
    weights, bias = COMMAND_WEIGHTS[engine]
    return float(signs @ np.array(weights, np.float32)) >= bias


def log_odds(share: float) -> float:
    """0 to 1 → about -6 to 6."""
    return math.log((share + LEAST_SHARE) / (1.0 - share + LEAST_SHARE))


def quiet_level(loudness: FloatArray) -> float:
    """Grey value that one frame in ten is quieter than."""
    return float(np.sort(loudness)[len(loudness) // QUIET_ONE_IN])  # np.percentile would load 10 MB of numpy


def _reach(active: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
    """How far activity goes on from place 0, over closures."""
    places = np.flatnonzero(active)
    breaks = np.flatnonzero(np.diff(places) > CLOSURE_FRAMES)
    return int(places[breaks[0]] if len(breaks) else places[-1])
