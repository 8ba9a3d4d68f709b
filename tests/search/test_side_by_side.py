"""Streams beside others give what each gives alone."""

import numpy as np
import pytest

from kwsd.search import side_by_side
from kwsd.search.beam import BeamSearch
from kwsd.search.side_by_side import SideBySide
from testkit.scripted import CHUNK_FRAMES, ScriptedAcoustics, Stream

PHRASES = ["LIGHT UP", "UP", "NIGHT+FALL", "LIGHT LIGHT DOWN", "UP UP", "HERE ON HERE"]
CHUNKS = 12


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kept_floats", [1, side_by_side.KEPT_BOOSTS])
def test_beams_find_together_what_each_finds_alone(
    seed: int, kept_floats: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chance speaks in every stream, with pauses; some begin later, some rest meanwhile.

    To the last digit, whatever is kept of nodes.
    """
    monkeypatch.setattr(side_by_side, "KEPT_BOOSTS", kept_floats)
    chance = np.random.default_rng(seed)
    keyword_set, acoustics = Stream(PHRASES).search.keyword_set, ScriptedAcoustics()
    alone, beside = ([BeamSearch(keyword_set, acoustics) for _ in range(5)] for _ in range(2))
    together, found = SideBySide(keyword_set, acoustics), 0
    for chunk in range(CHUNKS):
        here = np.sort(chance.permutation(len(alone))[: chance.integers(2, 9)])  # mostly all of them
        frames = [chance.normal(0, 4, (CHUNK_FRAMES, acoustics.vocabulary_size)).astype(np.float32) for _ in here]
        for each in frames:
            each[chance.random(CHUNK_FRAMES) < chance.choice([0.0, 0.3, 1.0]), 0] += 20.0
        first = [CHUNK_FRAMES * chunk + 3 * stream for stream in here.tolist()]
        expected = [alone[place].push(own, at) for place, own, at in zip(here, frames, first, strict=True)]
        assert together.push([beside[place] for place in here], frames, first) == expected
        assert [[*beam.hypotheses] for beam in beside] == [[*beam.hypotheses] for beam in alone]
        found += sum(map(len, expected))
    assert found > 100


def test_no_stream_knows_of_another() -> None:
    """The same sound in two streams, with others between: the same comes of both."""
    keyword_set, acoustics = Stream(PHRASES).search.keyword_set, ScriptedAcoustics()
    beams = [BeamSearch(keyword_set, acoustics) for _ in range(4)]
    frames = np.random.default_rng(0).normal(0, 4, (4, CHUNK_FRAMES, acoustics.vocabulary_size)).astype(np.float32)
    frames[3] = frames[0]
    found = SideBySide(keyword_set, acoustics).push(beams, [*frames], [0] * 4)
    assert found[0] == found[3] != found[1]
    assert [*beams[0].hypotheses] == [*beams[3].hypotheses]
