"""The examples of keywords/README.md do what the page says."""

import re
from pathlib import Path

import pytest

from kwsd.fields import types_of
from kwsd.keywords.files import KeywordList, read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import spellings
from testkit.letters import letter_tokenizer

PAGE = (Path(__file__).parents[2] / "keywords" / "README.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    """The fenced block of that kind."""
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Reader":
    monkeypatch.chdir(tmp_path)
    return Reader()


class Reader:
    def __call__(self, name: str, content: str) -> KeywordList:
        Path(name).write_text(content, encoding="utf-8")
        return read_keyword_file(Path(name), letter_tokenizer())


def test_the_text_example_is_good_but_for_its_pieces(read: Reader) -> None:
    found = read("home.txt", block("keywords"))
    assert [keyword.label for keyword in found.keywords] == [
        "LIGHTS ON",
        "jarvis",
        "louder please",
        "TURN IT DOWN",
        "channel 5",
    ]
    (problem,) = found.problems  # a tokenizer of letters has no such pieces
    assert problem.text.startswith('"▁HE LL O ▁WORLD" has "▁HE"')


def test_the_toml_example_is_good(read: Reader) -> None:
    found = read("home.toml", block("toml"))
    assert found.keywords[0].label == "hey_jarvis"
    assert found.problems == ()


def test_the_bad_example_is_reported_as_shown(read: Reader) -> None:
    found = read("home.txt", block("bad"))
    assert "".join(f"{problem}\n" for problem in found.problems) == block("problems")


def test_every_key_is_explained() -> None:
    assert set(types_of(Keyword)) <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize(
    ("phrase", "forms"),
    [
        row
        for row in re.findall(r"^\| `([^`]+)` \| (.*) \|$", PAGE.split("## Written forms")[1], re.MULTILINE)
        if row[0].isupper()
    ],
)
def test_the_written_forms_are_those_shown(phrase: str, forms: str) -> None:
    shown = set(forms.split(", "))
    assert set(spellings(phrase)) - {phrase} == shown
