"""How a phrase stands against whatever else the sound may say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.keywords.keyword import Keyword
from kwsd.search import surroundings
from kwsd.search.confidence import confidence_of
from kwsd.search.free_text import BESIDE_FRAMES, text_margin
from kwsd.search.history import FrameHistory
from kwsd.search.hits import MissCause
from kwsd.search.posteriors import Acoustics
from kwsd.search.rivals import Aligned, log_likelihoods
from kwsd.search.settings import SearchSettings
from testkit.scripted import PIECES, ScriptedAcoustics, Stream, heard, say
from tests.search.test_confidence import WEIGHTS

SAID = ("▁LIGHT", "S", "▁UP")


def tokens(*pieces: str) -> tuple[int, ...]:
    return tuple(PIECES.index(piece) for piece in pieces)


def known(script: str, **likelihood: float) -> FrameHistory:
    frames = say(script, **likelihood)
    history = FrameHistory(len(frames))
    history.push(heard(frames, 0))
    return history


def test_what_was_said_has_no_rival() -> None:
    history = known(".*4 ▁LIGHT . S . ▁UP .*4")
    assert text_margin((tokens(*SAID), (4, 6, 8)), history, ScriptedAcoustics()) == pytest.approx(0.0, abs=0.01)


def test_another_phrase_is_less_likely_by_as_much_as_what_was_said_is_likelier() -> None:
    """1. LIGHTS UP is said. 2. LIGHT UP, nearly there, is as far behind as the sound of both tells."""
    history = known(".*4 ▁LIGHT . S . ▁UP .*4", S=6.0)
    window = range(4 - BESIDE_FRAMES, 8 + BESIDE_FRAMES + 1)
    asked = [(tokens("▁LIGHT", "▁UP"), (4, 8)), (tokens(*SAID), (4, 6, 8))]
    nearly, said = log_likelihoods(asked, window, history, ScriptedAcoustics())
    assert nearly - said < -1.0
    assert text_margin(asked[0], history, ScriptedAcoustics()) == pytest.approx(nearly - said, abs=0.05)


@given(st.lists(st.sampled_from((".", *PIECES[3:])), min_size=6, max_size=20), st.integers(2, 5), st.floats(0.5, 8.0))
def test_nothing_is_likelier_than_the_likeliest(script: list[str], first: int, loud: float) -> None:
    history = known(" ".join(script), **{piece.strip("▁"): loud for piece in PIECES[3:]})
    margin = text_margin((tokens("▁LIGHT", "▁UP"), (first - 2, first)), history, ScriptedAcoustics())
    assert margin <= 0.0


def test_a_phrase_that_is_likelier_as_something_else_is_a_miss_that_says_so() -> None:
    """1. LIGHT UP is listened for, LIGHTS UP is said. 2. Against other texts it falls, without them it fires."""
    settings = SearchSettings(threshold=0.6, min_score=0.0, margin_per_token=-3.0)
    blind = confidence_of({**WEIGHTS, "margin": 0.0, "goes_on": 0.0})
    sees = replace(blind, text_margin=4.0)
    script = say(".*20 ▁LIGHT . S . ▁UP .*30", S=7.0)
    streams = [Stream([Keyword("LIGHT UP", written_forms=False)], settings, confidence=each) for each in (blind, sees)]
    hits = [stream.hear(script) for stream in streams]
    assert [len(found) for found in hits] == [1, 0]
    assert [miss.cause for miss in streams[1].misses] == [MissCause.OTHER_TEXT]
    (said,) = Stream([Keyword("LIGHT UP", written_forms=False)], settings, confidence=sees).hear(
        say(".*20 ▁LIGHT . . . ▁UP .*30")
    )
    assert said.signs is not None
    assert said.signs.text_margin_nats == pytest.approx(0.0, abs=0.01)


def test_another_text_is_asked_about_when_nothing_else_speaks_against_a_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. LIGHT UP HERE is said, LIGHT UP listened for too. 2. It waits and falls, and no other text is asked about."""
    asked: set[tuple[int, ...]] = set()

    def noted(phrase: Aligned, history: FrameHistory, acoustics: Acoustics) -> float:
        asked.add(phrase[0])
        return text_margin(phrase, history, acoustics)

    monkeypatch.setattr(surroundings, "text_margin", noted)
    keywords = [Keyword(phrase, written_forms=False) for phrase in ("LIGHT UP", "LIGHT UP HERE")]
    settings = SearchSettings(threshold=0.6, min_score=0.0, margin_per_token=-3.0)
    confidence = confidence_of({**WEIGHTS, "margin": 0.0, "goes_on": 0.0})
    (said,) = Stream(keywords, settings, confidence=confidence).hear(say(".*20 ▁LIGHT . . ▁UP . . ▁HERE .*30"))
    assert said.keyword == 1
    assert asked == {tokens("▁LIGHT", "▁UP", "▁HERE")}
