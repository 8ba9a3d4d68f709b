"""What a search holds of each keyword while it is being said: for people to look at, nothing is decided by it."""

from __future__ import annotations

from collections.abc import Iterator

from kwsd.search.alignment import align
from kwsd.search.beam import BeamSearch
from kwsd.search.graph import Node
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics


def held(beam: BeamSearch, history: FrameHistory, acoustics: Acoustics) -> dict[int, float]:
    """Keyword → how much of it has been heard, 0 to 1, on the scale of its threshold.

    The posteriors of the tokens so far, over all tokens of the keyword: a token that is still to come counts as 0.
    Keywords of which no hypothesis holds anything are left out.
    """
    scores: dict[int, float] = {}
    known = [h for h in beam.hypotheses if h.emissions and h.emissions[0].frame >= history.start]
    phrases = [(tuple(e.token for e in h.emissions), tuple(e.frame for e in h.emissions)) for h in known]
    for hypothesis, alignment in zip(known, align(phrases, history, acoustics), strict=True):
        heard = sum(alignment.posteriors)
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
