"""How the beam asks the acoustic side: about all frames of a chunk at once, and alone as beside others."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.search.beam import BeamSearch, push_all
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


def test_a_phrase_in_one_chunk_takes_three_questions_and_a_pause_one() -> None:
    """The root; where a first token leads that is near in any of the frames; where the second one does."""
    acoustics = CountingAcoustics()
    beam = BeamSearch(Stream(["LIGHT UP", "ON"]).search.keyword_set, acoustics)
    matches = beam.push(say("▁LIGHT . . ▁UP . . . ."), 0)
    assert {match.frames for match in matches} == {(0, 3)}
    assert len(acoustics.asked) == 3
    acoustics.asked.clear()
    BeamSearch(beam.keyword_set, acoustics).push(say(".*8"), 0)
    assert acoustics.asked == [CHUNK_FRAMES]


@pytest.mark.parametrize("seed", range(4))
def test_beams_find_together_what_each_finds_alone(seed: int) -> None:
    chance = np.random.default_rng(seed)
    keyword_set, acoustics = Stream(["LIGHT UP", "UP", "NIGHT+FALL"]).search.keyword_set, ScriptedAcoustics()
    alone, beside = ([BeamSearch(keyword_set, acoustics) for _ in range(5)] for _ in range(2))
    for chunk in range(12):
        frames = [chance.normal(0, 4, (CHUNK_FRAMES, acoustics.vocabulary_size)).astype(np.float32) for _ in alone]
        first = [CHUNK_FRAMES * chunk] * len(alone)
        each = [beam.push(own, at) for beam, own, at in zip(alone, frames, first, strict=True)]
        assert push_all(beside, frames, first) == each
        assert [beam.hypotheses for beam in beside] == [beam.hypotheses for beam in alone]
