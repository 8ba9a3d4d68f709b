"""How likely sound is if a phrase was said in it."""

import itertools

import numpy as np
import pytest

from kwsd.search.alignment import Alignment
from kwsd.search.beam import Match
from kwsd.search.candidate import Candidate
from kwsd.search.graph import TokenSequence
from kwsd.search.history import FrameHistory
from kwsd.search.rivals import log_likelihoods, overlapping
from kwsd.units import START
from testkit.scripted import PIECES, ScriptedAcoustics, heard, say

TOKENS = tuple(PIECES.index(piece) for piece in ("▁LIGHT", "▁UP"))


def test_the_likelihood_sums_every_way_to_place_the_tokens() -> None:
    frames = say(". ▁LIGHT . ▁UP . .", LIGHT=3.0, UP=4.5)
    history = FrameHistory(50)
    history.push(heard(frames, 0))
    acoustics = ScriptedAcoustics()
    by_said = [acoustics.log_probs(frames, [context] * len(frames)) for context in _contexts()]
    silence = [np.logaddexp.reduce(rows[:, list(acoustics.silent_tokens)], axis=1) for rows in by_said]
    ways = []
    for places in itertools.combinations(range(len(frames)), len(TOKENS)):
        said, nats = 0, 0.0
        for frame in range(len(frames)):
            if frame in places:
                nats += float(by_said[said][frame, TOKENS[said]])
                said += 1
            else:
                nats += float(silence[said][frame])
        ways.append(nats)
    expected = np.logaddexp.reduce(ways)
    shorter = (TOKENS[:1], (1,))
    (alone,) = log_likelihoods([shorter], range(len(frames)), history, acoustics)
    found = log_likelihoods([(TOKENS, (1, 3)), shorter], range(len(frames)), history, acoustics)
    assert found == [pytest.approx(expected), alone]


def _contexts() -> list[tuple[int, int]]:
    so_far = (*START, *TOKENS)
    return [(so_far[said], so_far[said + 1]) for said in range(len(TOKENS) + 1)]


def test_only_those_whose_sound_hangs_together_are_rivals() -> None:
    candidates = [_candidate(*frames) for frames in ((20, 25), (1, 4), (4, 9), (8, 10), ())]
    groups = [[candidate.frames for candidate in group] for group in overlapping(candidates)]
    assert groups == [[(1, 4), (4, 9), (8, 10)], [(20, 25)]]


def _candidate(*frames: int) -> Candidate:
    candidate = Candidate(Match(TokenSequence(TOKENS), frames, 0.0))
    candidate.alignment = Alignment(frames, (1.0,) * len(frames)) if frames else None
    return candidate
