"""How somebody said something: the likeliest token sequences of kept frames, and how likely given ones are in them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from kwsd.search.posteriors import Acoustics
from kwsd.stream import Float32
from kwsd.units import START, Context

Tokens = tuple[int, ...]

BEAM = 8
TOKENS_PER_FRAME = 6  # a hypothesis goes on with no more than these
IMPOSSIBLE = -1e9


def likeliest(frames: Float32, acoustics: Acoustics, most: int) -> list[tuple[Tokens, float]]:
    """The `most` likeliest token sequences of encoder frames (n, C), with their log-probabilities; the best first.

    Beam search without any phrase in mind, at most one token a frame as the keyword search has it; hypotheses that
    spell the same are one.
    """
    beam: dict[Tokens, float] = {(): 0.0}
    for frame in frames:
        hypotheses = list(beam)
        contexts = [context_of(tokens) for tokens in hypotheses]
        rows = acoustics.log_probs(np.broadcast_to(frame, (len(hypotheses), len(frame))), contexts)
        following: defaultdict[Tokens, float] = defaultdict(lambda: -math.inf)
        for tokens, row in zip(hypotheses, rows, strict=True):
            silent = float(np.logaddexp.reduce(row[list(acoustics.silent_tokens)]))
            following[tokens] = float(np.logaddexp(following[tokens], beam[tokens] + silent))
            for token in np.argpartition(-row, TOKENS_PER_FRAME)[:TOKENS_PER_FRAME].tolist():
                if token not in acoustics.silent_tokens:
                    spelt = (*tokens, token)
                    following[spelt] = float(np.logaddexp(following[spelt], beam[tokens] + float(row[token])))
        beam = dict(sorted(following.items(), key=lambda item: -item[1])[:BEAM])
    return list(beam.items())[:most]


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
