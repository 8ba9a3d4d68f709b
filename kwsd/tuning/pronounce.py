"""How somebody said something: the likeliest token sequences of kept frames, and how likely given ones are in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from kwsd.search.posteriors import Acoustics
from kwsd.search.text_beam import TextBeam
from kwsd.stream import Float32
from kwsd.units import START, Context

Tokens = tuple[int, ...]

BEAM = 16
IMPOSSIBLE = -1e9


def likeliest(frames: Float32, acoustics: Acoustics, most: int) -> list[tuple[Tokens, float]]:
    """The `most` likeliest token sequences of encoder frames (n, C), with their log-probabilities; the best first."""
    beam = TextBeam(acoustics, BEAM)
    settled = beam.push(frames, 0)
    found = [tuple(each.token for each in (*settled, *text.emissions)) for text in beam.hypotheses[:most]]
    return sorted(
        zip(found, log_likelihoods(frames, found, acoustics), strict=True), key=lambda item: (-item[1], item[0])
    )


def log_likelihoods(frames: Float32, texts: Sequence[Tokens], acoustics: Acoustics) -> list[float]:
    """Log-probability of each text that the frames (n, C) spell it and nothing else: the transducer's forward sum."""
    if not texts:
        return []
    contexts = [[context_of(tokens[:count]) for count in range(len(tokens) + 1)] for tokens in texts]
    places = {context: place for place, context in enumerate(dict.fromkeys(chain.from_iterable(contexts)))}
    rows = acoustics.log_probs(np.repeat(frames, len(places), axis=0), [*places] * len(frames))
    log_probs = rows.reshape(len(frames), len(places), -1)
    silent = np.logaddexp.reduce(log_probs[:, :, list(acoustics.silent_tokens)], axis=2)
    found = []
    for tokens, after in zip(texts, contexts, strict=True):
        at = [places[context] for context in after]
        reached = np.full(len(at), IMPOSSIBLE)
        reached[0] = 0.0
        for blank, token in zip(silent[:, at], log_probs[:, at[:-1], tokens], strict=True):
            stays = reached + blank
            stays[1:] = np.logaddexp(stays[1:], reached[:-1] + token)
            reached = stays
        found.append(float(reached[-1]))
    return found


def context_of(tokens: Sequence[int]) -> Context:
    """The last two, as the decoder sees them."""
    before_last, last = (*START, *tokens)[-2:]
    return before_last, last
