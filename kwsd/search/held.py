"""What a search holds of each keyword while it is being said: for people to look at, nothing is decided by it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from kwsd.search.beam import BeamSearch
from kwsd.search.graph import Node
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.units import START

LATE = 3  # frames: the one on which the search has a token, and those behind it, where it is mostly surer


def held(beam: BeamSearch, history: FrameHistory, acoustics: Acoustics) -> dict[int, float]:
    """Keyword → how much of it has been heard, 0 to 1, on the scale of its threshold.

    The posteriors of the tokens so far, over all tokens of the keyword: a token that is still to come counts as 0.
    Keywords of which no hypothesis holds anything are left out. A token counts with its best posterior in the LATE
    frames from where the search has it, without the order that `align` keeps: by one call for all it costs a third,
    three times a second where a page is open, and is 0.1 less at most.
    """
    under_way = [each for each in beam.hypotheses if each.emissions and each.emissions[0].frame >= history.start]
    if not under_way:
        return {}
    tokens = [emission.token for each in under_way for emission in each.emissions]
    frames = np.array([emission.frame for each in under_way for emission in each.emissions])
    looked_at = np.minimum(frames[:, None] + np.arange(LATE), history.end - 1)
    spelt = [(*START, *(emission.token for emission in each.emissions)) for each in under_way]
    contexts = [pair for each in spelt for pair in pairwise(each[:-1]) for _ in range(LATE)]
    rows = acoustics.log_probs(history.take(looked_at.ravel()), contexts).reshape(*looked_at.shape, -1)
    posteriors = iter(np.exp(rows.max(axis=1)[np.arange(len(tokens)), tokens]).tolist())
    scores: dict[int, float] = {}
    for hypothesis in under_way:
        heard = sum(next(posteriors) for _ in hypothesis.emissions)
        for keyword, length in keywords_through(hypothesis.node):
            scores[keyword] = max(scores.get(keyword, 0.0), heard / length)
    return scores


def keywords_through(node: Node) -> Iterator[tuple[int, int]]:
    """(keyword, its number of tokens) of each sequence that begins with what leads to `node`."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        waiting.extend(here.children.values())
        # those that are suffixes begin further on
        yield from ((s.keyword, len(s.tokens)) for s in here.sequences if len(s.tokens) == here.level)
