"""Which of the candidates that want the same sound explains it best.

What each says of its own tokens does not tell: a longer phrase has more of them, and a shorter one leaves out what does
not fit. So all are asked about the same stretch of sound: how likely is it if this was said there, and nothing else?
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from kwsd.search.alignment import EARLY_FRAMES, LATE_FRAMES
from kwsd.search.candidate import Candidate
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.units import BLANK_ID, START, Context

TOKEN_WORTH = 0.3  # nats: a sound is left out sooner than made up; over 0.5, short words are told as longer ones

Aligned = tuple[tuple[int, ...], tuple[int, ...]]
"""The tokens of a phrase, and the frames where they are."""

_IMPOSSIBLE = -1e9


def best_first(
    candidates: Sequence[Candidate],
    contends: Callable[[Candidate], bool],
    history: FrameHistory,
    acoustics: Acoustics,
) -> list[Candidate]:
    """Of those that overlap and contend the likeliest first; what is not aligned yet stands behind the others."""
    ranked: list[tuple[float, Candidate]] = []
    for rivals in overlapping(candidates):
        first = min(rival.frames[0] for rival in rivals) - EARLY_FRAMES
        after = max(rival.frames[-1] for rival in rivals) + LATE_FRAMES + 1
        window = range(max(first, history.start), min(after, history.end))
        contending = [contends(rival) for rival in rivals] if len(rivals) > 1 else [False]
        asked = [(rival.best.sequence.tokens, rival.frames) for rival in compress(rivals, contending)]
        nats = iter(log_likelihoods(asked, window, history, acoustics) if len(asked) > 1 else [0.0])
        for rival, is_asked in zip(rivals, contending, strict=True):
            ranked.append((next(nats) + TOKEN_WORTH * len(rival.frames) if is_asked else 0.0, rival))
    ranked.sort(key=lambda pair: -pair[0])
    return [*(rival for _, rival in ranked), *(candidate for candidate in candidates if not candidate.frames)]


def overlapping(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """Groups of those whose sound hangs together, in order of time."""
    groups: list[list[Candidate]] = []
    last = -1
    for candidate in sorted((each for each in candidates if each.frames), key=lambda each: each.frames[0]):
        if candidate.frames[0] > last:
            groups.append([])
        groups[-1].append(candidate)
        last = max(last, candidate.frames[-1])
    return groups


def log_likelihoods(
    phrases: Sequence[Aligned], window: range, history: FrameHistory, acoustics: Acoustics
) -> list[float]:
    """Nats for the sound of `window` if a phrase, its tokens near their frames, and nothing else were said in it.

    The sum over all ways to place them, as a transducer is trained with (Graves 2012). One call of the joiner.
    """
    contexts: list[Context] = []
    cells: list[tuple[int, int, int]] = []  # place of the phrase, its tokens said, the next of them
    frames: list[NDArray[np.intp]] = []
    counts: list[int] = []
    for place, (tokens, aligned) in enumerate(phrases):
        # a column for each count of tokens said: from where the last may have come to where the next may come
        starts = (window.start, *(max(frame - EARLY_FRAMES, window.start) for frame in aligned))
        stops = (*(min(frame + LATE_FRAMES + 1, window.stop) for frame in aligned), window.stop)
        so_far, before = (*START, *tokens, BLANK_ID), len(contexts)
        for said, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            frames.append(np.arange(start, stop))
            contexts += [(so_far[said], so_far[said + 1])] * (stop - start)
            cells += [(place, said, so_far[said + 2])] * (stop - start)
        counts.append(len(contexts) - before)
    together, (places, columns, next_tokens) = np.concatenate(frames), np.array(cells).T
    log_probs = acoustics.log_probs(history.take(together), contexts, counts)
    silence, following = np.full((2, len(window), len(phrases), columns.max() + 1), _IMPOSSIBLE)
    at = together - window.start, places, columns
    silence[at] = np.logaddexp.reduce(log_probs[:, list(acoustics.silent_tokens)], axis=1)
    following[at] = log_probs[np.arange(len(together)), next_tokens]
    nats = np.full(silence.shape[1:], _IMPOSSIBLE)
    nats[:, 0] = 0.0
    for stays, moves in zip(silence, following, strict=True):
        moved = nats[:, :-1] + moves[:, :-1]
        nats += stays
        nats[:, 1:] = np.logaddexp(nats[:, 1:], moved)
    return [float(row[len(tokens)]) for row, (tokens, _) in zip(nats, phrases, strict=True)]
