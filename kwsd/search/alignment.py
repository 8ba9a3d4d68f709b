"""Where in the sound each token of a phrase really is, and how sure the model is of it there.

The search emits tokens early, because a bonus pulls them; the posterior at the emission says how early, not how likely.
So after the match each token is looked for again inside its own span: the frames that maximise the product of
acoustic posteriors, in order, near the emissions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.quick_dataclass import dataclass
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.units import START, Context

EARLY_FRAMES = 2  # a token's span begins this long before its emission …
LATE_FRAMES = 4  # … and ends this long after the emission of the next one

Emitted = tuple[tuple[int, ...], tuple[int, ...]]
"""The tokens of a phrase, and the frames on which the search emitted them."""

_IMPOSSIBLE = -1e9


@dataclass(frozen=True, slots=True)
class Alignment:
    """The best frames for the tokens of a phrase."""

    frames: tuple[int, ...]
    """Encoder frame of each token, strictly increasing."""
    posteriors: tuple[float, ...]
    """P(token | frame, the two tokens before it), 0 to 1."""

    @property
    def score(self) -> float:
        """Mean posterior."""
        return sum(self.posteriors) / len(self.posteriors)

    @property
    def min_score(self) -> float:
        """Smallest posterior."""
        return min(self.posteriors)


def align(phrases: Sequence[Emitted], history: FrameHistory, acoustics: Acoustics) -> list[Alignment]:
    """Find the tokens of each phrase near the frames that the search emitted them on. One call of the joiner."""
    spans: list[list[tuple[int, int]]] = []
    contexts: list[Context] = []
    for tokens, emissions in phrases:
        # (first frame, frame after the last) of each token, wide enough to hold one frame each in order
        following = (*emissions[1:], emissions[-1])
        spans.append(
            [
                (max(here - EARLY_FRAMES, history.start), min(after + LATE_FRAMES + 1, history.end))
                for here, after in zip(emissions, following, strict=True)
            ]
        )
        so_far = (*START, *tokens)
        for place, (start, end) in enumerate(spans[-1]):
            contexts += [(so_far[place], so_far[place + 1])] * (end - start)
    if not contexts:
        return []
    frames = np.concatenate([np.arange(*span) for each in spans for span in each])
    counts = [sum(end - start for start, end in each) for each in spans]
    log_probs = acoustics.log_probs(history.take(frames), contexts, counts)
    found, row = [], 0
    for (tokens, _), each in zip(phrases, spans, strict=True):
        scores = []
        for token, (start, end) in zip(tokens, each, strict=True):
            scores.append(log_probs[row : row + end - start, token])
            row += end - start
        found.append(_best_path(scores, each))
    return found


def _best_path(scores: list[NDArray[np.float32]], spans: list[tuple[int, int]]) -> Alignment:
    """Frames t1 < t2 < … that maximise the sum of scores; `scores[i]` covers `spans[i]`. Viterbi.

    On lists: a span is some seven frames, for which a call of NumPy costs more than all its arithmetic.
    """
    reached, begin = [0.0], spans[0][0] - 1  # best sum of the tokens so far, by the frame up to which they all are
    whens: list[list[int]] = []  # whens[i]: likewise the best frame of token i
    for score, (start, _) in zip(scores, spans, strict=True):
        latest = len(reached) - 1
        best, when, top, at = [], [], -math.inf, start
        for frame, own in enumerate(score.tolist(), start):
            before = frame - 1 - begin
            nats = own + (reached[min(before, latest)] if before >= 0 else _IMPOSSIBLE)
            if nats >= top:
                top, at = nats, frame
            best.append(top)
            when.append(at)
        reached, begin = best, start
        whens.append(when)
    frames: list[int] = []
    after = spans[-1][1]
    for when, (start, end) in zip(reversed(whens), reversed(spans), strict=True):
        after = when[max(0, min(after, end) - 1 - start)]
        frames.append(after)
    frames.reverse()
    posteriors = [
        float(np.exp(score[frame - start])) for score, frame, (start, _) in zip(scores, frames, spans, strict=True)
    ]
    return Alignment(tuple(frames), tuple(posteriors))
