"""One score of all signs: it rises and falls as it must, and says what was missing."""

import math
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.keywords.keyword import Keyword
from kwsd.search.confidence import Signs, confidence_of, weakest_of
from kwsd.search.hits import MissCause
from kwsd.search.settings import SearchSettings
from testkit.scripted import Stream, say

WEIGHTS = {
    "bias": -2.0,
    "posterior": 0.5,
    "margin": 1.7,
    "length": 2.0,
    "goes_on": -3.0,
    "spoken_before": -2.7,
    "running_posterior": 0.6,
    "running_length": -1.0,
    "weakest": 0.3,
    "longest_gap": -0.2,
    "text_margin": 0.4,
    "least_tokens": 1,
}
CONFIDENCE = confidence_of(WEIGHTS)
ALONE_COUNTS = replace(CONFIDENCE, text_margin=0.0)
SURE = Signs(posterior=0.9, margin_nats=-1.0, tokens=6, goes_on=0.0, spoken_before=0.0, weakest=0.8, longest_gap=5)

signs = st.builds(
    Signs,
    posterior=st.floats(0.0, 1.0),
    margin_nats=st.floats(-60.0, 0.0),
    tokens=st.integers(1, 60),
    goes_on=st.floats(0.0, 1.0),
    spoken_before=st.floats(0.0, 1.0),
    weakest=st.floats(0.0, 1.0),
    longest_gap=st.integers(0, 20),
    text_margin_nats=st.floats(-60.0, 0.0),
)


@given(signs, st.floats(0.0, 1.0))
def test_a_surer_phrase_never_scores_less(seen: Signs, surer: float) -> None:
    better = replace(seen, posterior=max(surer, seen.posterior))
    assert 0.0 <= CONFIDENCE.score(seen) <= CONFIDENCE.score(better) <= 1.0
    assert CONFIDENCE.score(replace(seen, margin_nats=seen.margin_nats / 2)) >= CONFIDENCE.score(seen)
    assert CONFIDENCE.score(replace(seen, weakest=max(surer, seen.weakest))) >= CONFIDENCE.score(seen)
    assert CONFIDENCE.without_word_end(seen) >= CONFIDENCE.score(seen)
    assert CONFIDENCE.without_rival(seen) >= CONFIDENCE.score(seen)


def test_the_score_is_a_logistic_function_of_the_signs() -> None:
    total = -2.0 + 0.5 * math.log(9.0) + 1.7 * (-1.0 / 6) + 2.0 * math.log(6) + 0.3 * math.log(4.0) - 0.2 * 0.5
    assert CONFIDENCE.score(SURE) == pytest.approx(1 / (1 + math.exp(-total)))


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.integers(0, 29), st.floats(0.0, 1.0))
def test_the_weakest_rises_with_every_posterior(posteriors: list[float], place: int, surer: float) -> None:
    better = list(posteriors)
    better[place % len(better)] = max(surer, better[place % len(better)])
    assert weakest_of(posteriors) <= weakest_of(better) + 1e-9
    inside = [min(max(each, 0.01), 0.99) for each in posteriors]
    assert min(inside) - 1e-9 <= weakest_of(posteriors) <= max(inside) + 1e-9


def test_what_would_be_enough_without_the_words_around_it_is_known() -> None:
    seen = replace(SURE, tokens=3, spoken_before=1.0)
    assert CONFIDENCE.score(seen) < CONFIDENCE.said_alone(seen)
    assert CONFIDENCE.said_alone(seen) == CONFIDENCE.score(replace(seen, spoken_before=0.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"posterior": -0.1},
        {"goes_on": 1.0},
        {"margin": -1.0},
        {"running_posterior": -0.6},
        {"weakest": -0.1},
        {"text_margin": -0.1},
    ],
)
def test_weights_that_punish_surer_phrases_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must count"):
        confidence_of({**WEIGHTS, **wrong})


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({**WEIGHTS, "loudness": 1.0}, "confidence.loudness: is not known"),
        ({name: value for name, value in WEIGHTS.items() if name != "bias"}, "confidence.bias: is missing"),
        ({**WEIGHTS, "bias": "high"}, "confidence.bias: 'high' is not a number"),
        ({**WEIGHTS, "bias": math.inf}, "confidence.bias: inf is not a number"),
    ],
)
def test_a_wrong_table_is_told_by_its_key(table: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        confidence_of(table)
    assert asdict(CONFIDENCE) == WEIGHTS


def test_a_table_of_before_there_was_a_margin_over_other_texts_is_read() -> None:
    old = {name: value for name, value in WEIGHTS.items() if name != "text_margin"}
    assert confidence_of(old) == replace(CONFIDENCE, text_margin=0.0)


def listening(*phrases: str, threshold: float = 0.6) -> Stream:
    """A search that decides by one score; other texts are for test_free_text."""
    settings = SearchSettings(threshold=threshold, min_score=0.0, margin_per_token=-3.0)
    return Stream([Keyword(phrase, written_forms=False) for phrase in phrases], settings, confidence=ALONE_COUNTS)


def test_what_is_said_alone_is_a_hit_with_the_decision_s_score() -> None:
    stream = listening("LIGHT UP")
    (hit,) = stream.hear(say(".*20 ▁LIGHT . . ▁UP .*30"))
    assert hit.signs is not None
    assert hit.signs.spoken_before < 0.1
    assert hit.score == pytest.approx(ALONE_COUNTS.score(hit.signs))


def test_a_word_that_goes_on_is_a_miss_that_says_so() -> None:
    """1. LIGHT is listened for. 2. A longer word is said. 3. No hit, and the cause is the word that went on."""
    stream = listening("LIGHT", threshold=0.3)
    assert not stream.hear(say(".*20 ▁LIGHT . . S .*30"))
    assert [miss.cause for miss in stream.misses] == [MissCause.WORD_GOES_ON]
    assert [hit.keyword for hit in listening("LIGHT", threshold=0.3).hear(say(".*20 ▁LIGHT .*30"))] == [0]


def test_among_other_words_more_is_asked() -> None:
    """1. UP is said alone: a hit. 2. Right behind other words it is a miss, for it does not stand alone."""
    alone, among = listening("UP", threshold=0.2), listening("UP", threshold=0.2)
    assert alone.hear(say(".*20 ▁UP .*30", UP=6.0))
    assert not among.hear(say(".*20 ▁LIGHT S ▁LIGHT S ▁LIGHT S ▁LIGHT S ▁UP .*30", UP=6.0))
    assert MissCause.NOT_ALONE in [miss.cause for miss in among.misses]


def test_short_phrases_are_left_to_the_rules() -> None:
    """1. Scores decide from three tokens on. 2. One of two is judged by its mean posterior, one of three not."""
    settings = SearchSettings(threshold=0.2, min_score=0.0, margin_per_token=-3.0)
    keywords = [Keyword(phrase, written_forms=False) for phrase in ("LIGHT UP", "UP LIGHT UP")]
    stream = Stream(keywords, settings, confidence=replace(ALONE_COUNTS, least_tokens=3))
    (short,) = stream.hear(say(".*20 ▁LIGHT . . ▁UP .*30"))
    assert short.signs is None
    assert short.score == pytest.approx(sum(short.posteriors) / 2)
    (long,) = stream.hear(say(".*20 ▁UP . . ▁LIGHT . . ▁UP .*30"))
    assert long.signs is not None
    assert long.score == pytest.approx(stream.confidence.score(long.signs)) if stream.confidence else False
