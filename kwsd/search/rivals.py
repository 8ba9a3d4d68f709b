"""Which of the candidates that want the same sound explains it best.

What each says of its own tokens does not tell: a longer phrase has more of them, and a shorter one leaves out what does
not fit. So all are asked about the same stretch of sound: how likely is it if this was said there, and nothing else?
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from kwsd.search.alignment import EARLY_FRAMES, LATE_FRAMES
from kwsd.search.candidate import Candidate
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.units import START

TOKEN_WORTH = 0.3  # nats: a sound is left out sooner than made up; over 0.5, short words are told as longer ones

_IMPOSSIBLE = -1e9


def best_first(candidates: Iterable[Candidate], history: FrameHistory, acoustics: Acoustics) -> list[Candidate]:
    """Of those that overlap the likeliest first; what is not aligned yet stands behind the others."""
    known = list(candidates)
    ranked: list[tuple[float, Candidate]] = []
    for rivals in overlapping(known):
        first = min(rival.frames[0] for rival in rivals) - EARLY_FRAMES
        after = max(rival.frames[-1] for rival in rivals) + LATE_FRAMES + 1
        window = range(max(first, history.start), min(after, history.end))
        for rival in rivals:
            tokens, nats = rival.best.sequence.tokens, 0.0
            if len(rivals) > 1:
                nats = log_likelihood(tokens, rival.frames, window, history, acoustics) + TOKEN_WORTH * len(tokens)
            ranked.append((nats, rival))
    ranked.sort(key=lambda pair: -pair[0])
    return [*(rival for _, rival in ranked), *(candidate for candidate in known if not candidate.frames)]


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


def log_likelihood(
    tokens: tuple[int, ...], aligned: tuple[int, ...], window: range, history: FrameHistory, acoustics: Acoustics
) -> float:
    """Nats for the sound of `window` if `tokens`, near the frames of `aligned`, and nothing else were said in it.

    The sum over all ways to place them, as a transducer is trained with (Graves 2012). One call of the joiner.
    """
    # a column for each count of tokens said: from where the last of them may have come to where the next one may come
    starts = (window.start, *(max(frame - EARLY_FRAMES, window.start) for frame in aligned))
    stops = (*(min(frame + LATE_FRAMES + 1, window.stop) for frame in aligned), window.stop)
    columns = np.repeat(np.arange(len(starts)), np.subtract(stops, starts))
    frames = np.concatenate([np.arange(*span) for span in zip(starts, stops, strict=True)])
    so_far = (*START, *tokens)
    log_probs = acoustics.log_probs(history.take(frames), [(so_far[said], so_far[said + 1]) for said in columns])
    silence, next_token = np.full((2, len(window), len(starts)), _IMPOSSIBLE)
    silence[frames - window.start, columns] = np.logaddexp.reduce(log_probs[:, list(acoustics.silent_tokens)], axis=1)
    next_token[frames - window.start, columns] = log_probs[np.arange(len(frames)), np.array([*tokens, 0])[columns]]
    nats = np.full(len(starts), _IMPOSSIBLE)
    nats[0] = 0.0
    for here, following in zip(silence, next_token, strict=True):
        moved = nats[:-1] + following[:-1]
        nats += here
        nats[1:] = np.logaddexp(nats[1:], moved)
    return float(nats[-1])
