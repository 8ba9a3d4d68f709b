"""How the beam asks the acoustic side: about all frames of a chunk at once."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from kwsd.search.beam import MOST_AHEAD, BeamSearch
from kwsd.search.graph import ContextGraph, TokenSequence
from kwsd.units import Context
from testkit.scripted import CHUNK_FRAMES, ScriptedAcoustics, Stream, say


class CountingAcoustics(ScriptedAcoustics):
    """Keeps how many rows each question had."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def log_probs(
        self, frames: NDArray[np.float32], contexts: Sequence[Context], groups: Sequence[int] = ()
    ) -> NDArray[np.float32]:
        """As scripted."""
        assert sum(groups) in {0, len(contexts)}
        self.asked.append(len(contexts))
        return super().log_probs(frames, contexts)


def test_a_phrase_in_one_chunk_takes_two_questions_and_a_pause_one() -> None:
    """The root; where tokens lead that are near in any of the frames, one behind the other."""
    acoustics = CountingAcoustics()
    beam = BeamSearch(Stream(["LIGHT UP", "ON"]).search.keyword_set, acoustics)
    matches = beam.push(say("▁LIGHT . . ▁UP . . . ."), 0)
    assert {match.frames for match in matches} == {(0, 3)}
    assert len(acoustics.asked) == 2
    acoustics.asked.clear()
    BeamSearch(beam.keyword_set, acoustics).push(say(".*8"), 0)
    assert acoustics.asked == [CHUNK_FRAMES]


def test_a_phrase_that_goes_on_behind_a_chunk_takes_one_question_more() -> None:
    """1. A chunk ends inside a phrase. 2. The next asks about the root and where that stands in one question."""
    acoustics = CountingAcoustics()
    beam = BeamSearch(Stream(["LIGHT UP", "ON"]).search.keyword_set, acoustics)
    assert beam.push(say(".*6 ▁LIGHT ."), 0) == []
    acoustics.asked.clear()
    assert beam.push(say("▁UP .*7"), CHUNK_FRAMES)[0].frames == (6, CHUNK_FRAMES)
    assert acoustics.asked[0] == 2 * CHUNK_FRAMES
    assert len(acoustics.asked) == 2


def test_with_many_keywords_few_places_are_asked_about_ahead() -> None:
    """Every token leads on to every other, and all are as likely: each frame would ask about all that may come."""
    acoustics = CountingAcoustics()
    tokens = range(3, acoustics.vocabulary_size)
    graph = ContextGraph(map(TokenSequence, product(tokens, repeat=3)))
    beam = BeamSearch(replace(Stream(["ON"]).search.keyword_set, graph=graph), acoustics)
    beam.push(np.zeros((2, acoustics.vocabulary_size), np.float32), 0)
    assert len(tokens) ** 2 > MOST_AHEAD
    assert acoustics.asked[:2] == [2, 2 * MOST_AHEAD]
