"""A keyword and the search's settings as a program gives them: out of range is refused, the rest is the model's."""

import pytest

from kwsd.errors import ConfigError
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("threshold", 5, "threshold: 5 is not above 0 and at most 1"),
        ("min_score", -0.5, "min_score: -0.5 is not at least 0 and at most 1"),
        ("boost", float("nan"), "boost: nan is not at least 0 and at most 20"),
        ("trailing_blanks", 1.5, "trailing_blanks: 1.5 is not a whole number"),
        ("phrase", "", "phrase: '' is empty"),
        ("phrase", "a\x00b", "has U\\+0000 as character 2"),
        ("name", "x" * 501, "is 501 characters long; 500 are allowed"),
        ("spellings", ("fine", " "), "spellings 2: ' ' is empty"),
        ("spellings", "LIGHTS", "spellings: 'LIGHTS' is not a list"),
    ],
)
def test_an_impossible_value_is_refused_by_name_and_range(name: str, value: object, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        Keyword(**{"phrase": "alexa", name: value})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=why):
        Keyword(**{"phrase": "alexa", name: value})  # type: ignore[arg-type]


def test_settings_out_of_range_are_refused_too() -> None:
    with pytest.raises(ConfigError, match="beam: 0 is not at least 1 and at most 64"):
        SearchSettings(beam=0)


def test_a_text_stands_for_its_keyword() -> None:
    assert Keyword.of("alexa") == Keyword.of(["alexa"]) == Keyword.of([Keyword("alexa")]) == (Keyword("alexa"),)


def test_what_is_not_given_is_the_models() -> None:
    """Also where what is given happens to be the default."""
    model = SearchSettings(threshold=0.3, beam=4, running_threshold=0.7)
    both = SearchSettings(beam=SearchSettings().beam).over(model)
    assert (both.threshold, both.beam, both.running_threshold) == (0.3, SearchSettings().beam, 0.7)
    assert both.over(model) == both


def test_a_threshold_of_ones_own_holds_among_other_words_too() -> None:
    model = SearchSettings(threshold=0.3, running_threshold=0.7)
    assert SearchSettings(threshold=0.2).over(model).running_threshold == 0
    assert SearchSettings(threshold=0.2, running_threshold=0.4).over(model).running_threshold == 0.4
