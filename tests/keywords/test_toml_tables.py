"""TOML keyword files: every key, what is said of a bad table, and that the good ones run."""

from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd.errors import KeywordFileError
from kwsd.keywords.files import KeywordList, read_keyword_file
from kwsd.keywords.keyword import Keyword
from testkit.letters import letter_tokenizer

TOKENIZER = letter_tokenizer()

FULL = """
[[keyword]]
phrase = "Lights on"
name = "lights"
spellings = ["LIGHT SON", "▁ L I"]
written_forms = false
boost = 2
threshold = 0.5
min_score = 0
trailing_blanks = 3
max_gap_s = 1.5
min_duration_s = 0.25
refractory_s = 10
then_s = 5
enabled = false
"""

KEYS_OF_A_KEYWORD = [field.name for field in fields(Keyword)]


def read(directory: Path, content: str | bytes) -> KeywordList:
    path = directory / "home.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_keyword_file(path, TOKENIZER)


def test_every_key_reaches_the_keyword(tmp_path: Path) -> None:
    keyword = Keyword(
        "Lights on",
        name="lights",
        spellings=("LIGHT SON", "▁ L I"),
        written_forms=False,
        boost=2.0,
        threshold=0.5,
        min_score=0.0,
        trailing_blanks=3,
        max_gap_s=1.5,
        min_duration_s=0.25,
        refractory_s=10.0,
        then_s=5.0,
        enabled=False,
    )
    assert read(tmp_path, FULL) == KeywordList((keyword,))


def test_a_phrase_is_enough(tmp_path: Path) -> None:
    assert read(tmp_path, "[[keyword]]\nphrase = ' Lights on '\n") == KeywordList((Keyword("Lights on"),))


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf[[keyword]]\nphrase = 'Lights on'\n") == KeywordList((Keyword("Lights on"),))


BAD_TABLES = [
    ("name = 'x'", "phrase: is missing"),
    ("phrase = ' '", "phrase: '' is empty"),
    ("phrase = 3", "phrase: 3 is not text, which stands in quotes"),
    ("phrase = 'ŻÓŁW'", '"ŻÓŁW" has "Ż", "Ó", "Ł", which the vocabulary of the model lacks; did you mean "ZOLW"?'),
    ("phrase = 'good one'", '"good one" is the same as keyword 1, which stays'),
    ("phrase = 'bad'\nthreshold = 1.4", "threshold: 1.4 is not above 0 and at most 1"),
    ("phrase = 'bad'\nthreshold = 0", "threshold: 0 is not above 0 and at most 1"),
    ("phrase = 'bad'\nthreshold = '0.5'", "threshold: '0.5' is not a number"),
    ("phrase = 'bad'\nboost = nan", "boost: nan is not at least 0 and at most 20"),
    ("phrase = 'bad'\nboost = true", "boost: True is not a number"),
    ("phrase = 'bad'\nmin_score = -0.1", "min_score: -0.1 is not at least 0 and at most 1"),
    ("phrase = 'bad'\ntrailing_blanks = 1.5", "trailing_blanks: 1.5 is not a whole number"),
    ("phrase = 'bad'\nmax_gap_s = inf", "max_gap_s: inf is not above 0 and at most 60"),
    ("phrase = 'bad'\nmin_duration_s = 61", "min_duration_s: 61 is not at least 0 and at most 60"),
    ("phrase = 'bad'\nrefractory_s = -1", "refractory_s: -1 is not at least 0 and at most 3600"),
    ("phrase = 'bad'\nenabled = 'yes'", "enabled: 'yes' is not true or false"),
    ("phrase = 'bad'\nspellings = 'x'", "spellings: 'x' is not a list"),
    ("phrase = 'bad'\nspellings = ['x', '']", "spellings 2: '' is empty"),
    ("phrase = 'bad'\ntreshold = 0.5", 'unknown key "treshold"; did you mean threshold?'),
]


@pytest.mark.parametrize(("table", "message"), BAD_TABLES)
def test_a_bad_table_is_named_and_the_others_run(tmp_path: Path, table: str, message: str) -> None:
    found = read(
        tmp_path, f"[[keyword]]\nphrase='good one'\n[[keyword]]\n{table}\n[[keyword]]\nphrase='the next one'\n"
    )
    assert [keyword.phrase for keyword in found.keywords] == ["good one", "the next one"]
    assert [str(problem) for problem in found.problems] == [f"{tmp_path}/home.toml: keyword 2: {message}"]


def test_every_fault_of_a_table_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, FULL + "[[keyword]]\nphrase='x'\nboost=-1\nthreshold=2\nnonsense=1\n")
    assert [problem.text for problem in found.problems] == [
        "keyword 2: boost: -1 is not at least 0 and at most 20",
        "keyword 2: threshold: 2 is not above 0 and at most 1",
        f'keyword 2: unknown key "nonsense"; known: {", ".join(KEYS_OF_A_KEYWORD)}',
    ]


def test_a_spelling_that_cannot_be_written_costs_only_itself(tmp_path: Path) -> None:
    found = read(tmp_path, "[[keyword]]\nphrase='lights'\nspellings=['LIGHTS', 'LÏGHTS']\n")
    assert len(found.keywords) == 1
    assert [problem.text for problem in found.problems] == [
        'keyword 1: spelling "LÏGHTS" has "Ï", which the vocabulary of the model lacks; did you mean "LIGHTS"?'
    ]


def test_a_phrase_only_for_people_needs_a_spelling(tmp_path: Path) -> None:
    found = read(tmp_path, "[[keyword]]\nphrase='Café'\nspellings=['CAFE']\n")
    assert found == KeywordList((Keyword("Café", spellings=("CAFE",)),))


def test_a_disabled_keyword_does_not_stand_in_the_way(tmp_path: Path) -> None:
    found = read(tmp_path, "[[keyword]]\nphrase='lights'\nenabled=false\n[[keyword]]\nphrase='LIGHTS'\n")
    assert [keyword.enabled for keyword in found.keywords] == [False, True]
    assert found.problems == ()


def test_strange_keys_beside_the_tables_are_named(tmp_path: Path) -> None:
    found = read(tmp_path, "title='x'\n[[keyword]]\nphrase='lights'\n")
    assert [problem.text for problem in found.problems] == ['unknown key "title"; known: [[keyword]]']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no usable keyword; write one \\[\\[keyword\\]\\] with its phrase"),
        ("keyword = 3", "keyword 1: is not a table; write"),
        ("[[keywords]]\nphrase='lights'", r'unknown key "keywords"; did you mean \[\[keyword\]\]\?'),
        ("[[keyword]]\nphrase=,", r"is not TOML: .*at line 2"),
        (b"\xff", "is UTF-16|is not TOML: "),
        ("x=" + "[" * 5000, "is not TOML: "),
    ],
)
def test_a_file_without_a_good_table_is_refused(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(KeywordFileError, match=message):
        read(tmp_path, content)


def test_a_single_table_is_meant_as_a_list_of_one(tmp_path: Path) -> None:
    assert read(tmp_path, "[keyword]\nphrase='lights'\n") == KeywordList((Keyword("lights"),))


KEYS = ["phrase", "name", "spellings", "boost", "threshold", "enabled", "trailing_blanks", "nonsense"]
VALUES = ["'lights on'", "''", "'\\u0000'", "1", "-1", "nan", "1e400", "[]", "['A', 3]", "{}", "true", "2026-11-21"]
LINES = st.one_of(
    st.sampled_from(["[[keyword]]", "[keyword]", "keyword = [1]"]),
    st.builds("{} = {}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(), st.lists(LINES).map(lambda lines: "\n".join(lines).encode())))
def test_no_file_does_more_than_be_refused(tmp_path: Path, content: bytes) -> None:
    with suppress(KeywordFileError):
        assert read(tmp_path, content).keywords
