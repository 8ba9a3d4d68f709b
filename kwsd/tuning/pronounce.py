"""How somebody said something: the likeliest token sequences of kept frames, and how likely given ones are in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kwsd.search.posteriors import Acoustics
from kwsd.search.text_beam import TextBeam
from kwsd.stream import Float32
from kwsd.units import START, Context

Tokens = tuple[int, ...]

BEAM = 8
IMPOSSIBLE = -1e9


def likeliest(frames: Float32, acoustics: Acoustics, most: int) -> list[tuple[Tokens, float]]:
    """The `most` likeliest token sequences of encoder frames (n, C), with their log-probabilities; the best first."""
    beam = TextBeam(acoustics, BEAM)
    settled = beam.push(frames, 0)
    found = (tuple(each.token for each in (*settled, *text.emissions)) for text in beam.hypotheses[:most])
    return sorted(((tokens, log_likelihood(frames, tokens, acoustics)) for tokens in found), key=lambda item: -item[1])


def log_likelihood(frames: Float32, tokens: Tokens, acoustics: Acoustics) -> float:
    """Log-probability that the frames (n, C) spell these tokens and nothing else: the transducer's forward sum."""
    contexts = [context_of(tokens[:count]) for count in range(len(tokens) + 1)]
    count = len(contexts)
    rows = acoustics.log_probs(np.repeat(frames, count, axis=0), contexts * len(frames))
    log_probs = rows.reshape(len(frames), count, -1)
    silent = np.logaddexp.reduce(log_probs[:, :, list(acoustics.silent_tokens)], axis=2)
    spoken = log_probs[:, np.arange(len(tokens)), tokens]
    at = np.full(count, IMPOSSIBLE)
    at[0] = 0.0
    for blank, token in zip(silent, spoken, strict=True):
        stays = at + blank
        stays[1:] = np.logaddexp(stays[1:], at[:-1] + token)
        at = stays
    return float(at[-1])


def context_of(tokens: Sequence[int]) -> Context:
    """The last two, as the decoder sees them."""
    before_last, last = (*START, *tokens)[-2:]
    return before_last, last
