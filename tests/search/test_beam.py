"""How the beam asks the acoustic side: about all frames of a chunk at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kwsd.search.beam import BeamSearch
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
