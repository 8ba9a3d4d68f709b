"""Keywords that are too short or get in each other's way are named before they disappoint."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.keywords.keyword import Keyword
from kwsd.keywords.overlaps import KeywordWarning, keyword_warnings
from testkit.letters import letter_tokenizer

TOKENIZER = letter_tokenizer()


def warnings(*phrases: str) -> tuple[KeywordWarning, ...]:
    return keyword_warnings([Keyword(phrase) for phrase in phrases], TOKENIZER)


@pytest.mark.parametrize(
    ("phrases", "expected"),
    [
        (["HEY JARVIS"], []),
        (["HEY JARVIS", "LIGHTS ON"], []),
        (["UP"], ['"UP" has only 3 tokens: it may fire by chance; use a longer phrase']),
        (["STOP"], ['"STOP" is one short word: it may fire by chance; use a longer phrase']),
        (
            ["LIGHTS", "LIGHTS ON"],
            ['"LIGHTS" begins "LIGHTS ON": it is reported a little later, once the longer one is ruled out'],
        ),
        (["LIGHT", "LIGHTS"], ['"LIGHT" begins "LIGHTS": only the end of the word tells them apart']),
        (
            ["LIGHTS", "THE LIGHTS ON"],
            ['"LIGHTS" is inside "THE LIGHTS ON": where both are said, the longer one is reported'],
        ),
        (["OKAY MISTER", "OK MR"], ['"OK MR" may be written like "OKAY MISTER": they sound alike']),
    ],
)
def test_warnings(phrases: list[str], expected: list[str]) -> None:
    assert [str(warning) for warning in warnings(*phrases)] == expected


def test_the_same_kind_of_a_keyword_is_one_warning() -> None:
    rooms = ["KITCHEN", "BEDROOM", "GARAGE", "CELLAR"]
    (warning,) = warnings("LIGHTS ON", *(f"{room} LIGHTS ON" for room in rooms))
    assert warning.kind == "inner"
    assert warning.others == tuple(f"{room} LIGHTS ON" for room in rooms)
    assert str(warning).startswith(
        '"LIGHTS ON" is inside "KITCHEN LIGHTS ON", "BEDROOM LIGHTS ON", "GARAGE LIGHTS ON" and 1 more: '
    )


def test_the_name_is_what_a_warning_says() -> None:
    (warning,) = keyword_warnings([Keyword("UP", name="higher")], TOKENIZER)
    assert warning.keyword == "higher"


WORDS = ["LIGHTS", "MUSIC", "LOUDER", "HEATER"]


@given(
    phrases=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join), unique=True, max_size=8)
)
def test_relations_are_those_that_a_comparison_word_by_word_finds(phrases: list[str]) -> None:
    expected = {
        ("prefix" if f"{longer} ".startswith(f"{shorter} ") else "inner", shorter, longer)
        for shorter, longer in product(phrases, phrases)
        if shorter != longer and f" {shorter} " in f" {longer} "
    }
    found = {(warning.kind, warning.keyword, other) for warning in warnings(*phrases) for other in warning.others}
    both = {("inner", shorter, longer) for kind, shorter, longer in expected if kind == "prefix"}
    assert expected <= found <= expected | both  # a beginning may come again further on
