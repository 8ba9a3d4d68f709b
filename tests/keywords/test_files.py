"""Text keyword files: what a line may say, what is said of a bad line, and what no file may do."""

import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kwsd.errors import KeywordFileError
from kwsd.keywords.files import KeywordList, read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import all_token_sequences
from kwsd.text.pieces import Tokenizer
from testkit.letters import letter_tokenizer

TOKENIZER = letter_tokenizer()
SEVERAL_LISTS = ["commands_small.txt", "commands_large.txt", "example.toml"]


def read(directory: Path, content: str | bytes, name: str = "home.txt") -> KeywordList:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_keyword_file(path, TOKENIZER)


GOOD_LINES = [
    ("LIGHTS ON", Keyword("LIGHTS ON")),
    ("lights on", Keyword("lights on")),
    ("  lights \t on  ", Keyword("lights on")),
    ("LIGHTS ON :1.5 #0.35 @LIGHTS_ON", Keyword("LIGHTS ON", "LIGHTS_ON", boost=1.5, threshold=0.35)),
    ("LIGHTS ON @the lights, please", Keyword("LIGHTS ON", "the lights, please")),
    ("LIGHTS ON @the lights :2 #.5", Keyword("LIGHTS ON", "the lights", boost=2.0, threshold=0.5)),
    (":2 LIGHTS #5e-1 ON", Keyword("LIGHTS ON", boost=2.0, threshold=0.5)),
    ("#0.35 LIGHTS ON", Keyword("LIGHTS ON", threshold=0.35)),
    ("#1 LIGHTS ON", Keyword("LIGHTS ON", threshold=1.0)),
    ("LIGHTS ON :0", Keyword("LIGHTS ON", boost=0.0)),
    ("LIGHTS ON @a@b", Keyword("LIGHTS ON", "a@b")),
    ("20 LIGHTS", Keyword("20 LIGHTS")),
    ("▁ L I ▁ O N :2", Keyword("LI ON", spellings=("▁ L I ▁ O N",), written_forms=False, boost=2.0)),
    ("▁ L :2 I @a name", Keyword("LI", "a name", spellings=("▁ L I",), written_forms=False, boost=2.0)),
    ("\ufeffLIGHTS ON", Keyword("LIGHTS ON")),
    ("LIGHTS ON\r", Keyword("LIGHTS ON")),
]


@pytest.mark.parametrize(
    ("line", "keyword"), GOOD_LINES, ids=lambda value: repr(value) if isinstance(value, str) else ""
)
def test_a_good_line(tmp_path: Path, line: str, keyword: Keyword) -> None:
    assert read(tmp_path, f"{line}\n") == KeywordList((keyword,))


BAD_LINES = [
    ("LIGHTS :abc", 'boost ":abc" is not a number; write it like :1.0'),
    ("LIGHTS :1.5x", 'boost ":1.5x" is not a number; write it like :1.0'),
    ("LIGHTS :", 'boost ":" is not a number; write it like :1.0'),
    ("LIGHTS : 1.5", 'boost ":" is not a number; write it like :1.0'),
    ("LIGHTS :-1", 'boost ":-1" is not at least 0 and at most 20'),
    ("LIGHTS :1e999", 'boost ":1e999" is not at least 0 and at most 20'),
    ("LIGHTS :nan", 'boost ":nan" is not a number; write it like :1.0'),
    ("LIGHTS :1_0", 'boost ":1_0" is not a number; write it like :1.0'),
    ("LIGHTS :٣", 'boost ":٣" is not a number; write it like :1.0'),
    ("LIGHTS #1.4", 'threshold "#1.4" is not above 0 and at most 1'),
    ("LIGHTS #0", 'threshold "#0" is not above 0 and at most 1'),
    ("LIGHTS #0,35", 'threshold "#0,35" is not a number; write it like #0.35'),
    ("LIGHTS # a comment", '"#" begins a threshold like #0.35 here; a comment needs a line of its own'),
    ("#0.5x LIGHTS", 'threshold "#0.5x" is not a number; write it like #0.35'),
    ("LIGHTS :1 :2", '":2" is a second boost; a line has one'),
    ("LIGHTS @a @b", '"@b" is a second name; a line has one'),
    ("LIGHTS @", '"@" has no name after it'),
    (":1.5 #0.5 @name", "has attributes but no phrase"),
    ("ŻÓŁW", '"ŻÓŁW" has "Ż", "Ó", "Ł", which the vocabulary of the model lacks; did you mean "ZOLW"?'),
    ("▁ L QU", '"▁ L QU" has "QU", which the vocabulary of the model lacks'),
    ("LIGHTS\x00 ON", "has U+0000 as character 7, which cannot be seen; delete it"),
    ("LIGHTS\u200b ON", "has U+200B as character 7, which cannot be seen; delete it"),
    ("L" * 501, "is 501 characters long; 500 are allowed"),
    (
        "!?",
        (
            '"!?" has "!", "?", which the vocabulary of the model lacks; leave it out, or write in words what is said '
            "for it (exclamation mark, question mark)"
        ),
    ),
    ("LIGHTS: 1.5", '": 1.5" is read as neither words nor boost; a boost is a word of its own, :1.5'),
    ("LIGHTS:2", '":2" is read as neither words nor boost; a boost is a word of its own, :2'),
    ("good one", '"good one" is the same as line 1, which stays'),
]


@pytest.mark.parametrize(("line", "message"), BAD_LINES, ids=lambda value: repr(value)[:20])
def test_a_bad_line_is_named_and_the_others_run(tmp_path: Path, line: str, message: str) -> None:
    found = read(tmp_path, f"GOOD ONE\n{line}\nTHE NEXT ONE\n")
    assert [keyword.phrase for keyword in found.keywords] == ["GOOD ONE", "THE NEXT ONE"]
    assert [str(problem) for problem in found.problems] == [f"{tmp_path}/home.txt:2: {message}"]


def test_a_line_that_is_not_utf8_costs_only_itself(tmp_path: Path) -> None:
    found = read(tmp_path, b"GOOD ONE\nCAF\xe9\nTHE NEXT ONE\n")
    assert len(found.keywords) == 2
    assert found.problems[0].text == "byte 4 is not UTF-8; save the file as UTF-8"


@pytest.mark.parametrize(
    ("line", "written"),
    [("LIGHTS 0.5", "#0.5"), ("LIGHTS 1.5", ":1.5"), ("LIGHTS 0,35", "#0.35"), ("LIGHTS .5", "#.5")],
)
def test_a_number_behind_a_phrase_is_doubted_and_what_was_meant_is_written(
    tmp_path: Path, line: str, written: str
) -> None:
    """`LIGHTS 0.5` is how other engines write a sensitivity; the line runs, since somebody may say the number."""
    (found, problem) = (read(tmp_path, f"{line}\n").keywords, read(tmp_path, f"{line}\n").problems[0])
    assert [keyword.phrase for keyword in found] == [line]
    assert (problem.line, written in problem.text) == (1, True)
    assert not read(tmp_path, f"LIGHTS {written}\n").problems


@pytest.mark.parametrize("line", ["LIGHT 5", "TUNE TO 104.5", "ROOM 101", "AT 5:30", "3.5"])
def test_a_number_that_is_said_is_no_doubt(tmp_path: Path, line: str) -> None:
    assert not read(tmp_path, f"{line}\n").problems


@pytest.mark.parametrize("nothing", ["", " \t ", "# a comment", "#comment", "#-----", "  # indented", "#", "##"])
def test_blank_lines_and_comments_say_nothing(tmp_path: Path, nothing: str) -> None:
    assert read(tmp_path, f"{nothing}\nLIGHTS ON\n{nothing}\n") == KeywordList((Keyword("LIGHTS ON"),))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_do_not_change_the_line_number(tmp_path: Path, end: str) -> None:
    found = read(tmp_path, end.join(["LIGHTS ON", "", "# comment", "BAD :x", "LIGHTS OFF"]))
    assert len(found.keywords) == 2
    assert found.problems[0].line == 4


def test_a_file_without_a_good_line_is_refused_with_every_problem(tmp_path: Path) -> None:
    with pytest.raises(KeywordFileError) as refused:
        read(tmp_path, "# only\nBAD :x\n\nBAD #2\n")
    assert str(refused.value).splitlines() == [
        f"{tmp_path}/home.txt: has no usable keyword; write one phrase per line",
        f'{tmp_path}/home.txt:2: boost ":x" is not a number; write it like :1.0',
        f'{tmp_path}/home.txt:4: threshold "#2" is not above 0 and at most 1',
    ]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(KeywordFileError, match="has no usable keyword"):
        read(tmp_path, content)


def test_utf16_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeywordFileError, match=r"home\.txt: is UTF-16; save it as UTF-8"):
        read(tmp_path, "LIGHTS ON".encode("utf-16"))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100), "a recording"),
        (b"PK\x03\x04\x14\x00\x06\x00word/document.xml", "a document of an office program, or an archive"),
        (b"{\\rtf1\\ansi lights on}", "a document of a word processor"),
        (b"%PDF-1.7\nlights on", "a PDF"),
        (b"\xef\xbb\xbf<!doctype html>\nlights on\n", "a page of the web, or XML"),
    ],
)
def test_what_is_no_text_is_told_as_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    with pytest.raises(KeywordFileError, match=f"is {what}; keywords stand in a text file"):
        read(tmp_path, content)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeywordFileError, match=r"nowhere\.txt: there is no such file; write one phrase per line"):
        read_keyword_file(tmp_path / "nowhere.txt", TOKENIZER)
    with pytest.raises(KeywordFileError, match="cannot be read: is no regular file"):
        read_keyword_file(tmp_path, TOKENIZER)


@pytest.mark.parametrize("name", SEVERAL_LISTS)
def test_the_lists_that_come_with_kwsd_are_good(name: str) -> None:
    found = read_keyword_file(Path(__file__).parents[2] / "keywords" / name, TOKENIZER)
    assert found.problems == ()


@pytest.mark.model
def test_ten_thousand_lines_are_ready_in_seconds(tmp_path: Path, shared_model_dir: Path) -> None:
    words = (Path(__file__).parents[2] / "keywords" / "commands_large.txt").read_text().split()
    picked = Random(0).choices(words, k=40_000)
    path = tmp_path / "many.txt"
    path.write_text("\n".join(f"{' '.join(picked[at : at + 4])} :1.5 #0.35" for at in range(0, len(picked), 4)))
    tokenizer = Tokenizer.load(shared_model_dir)

    def loading_s() -> float:
        began = time.process_time()
        assert len(all_token_sequences(read_keyword_file(path, tokenizer).keywords, tokenizer)) > 9000
        return time.process_time() - began

    assert min(loading_s() for _ in range(3)) < 5.0  # the quietest moment; 1.6 to 2.7 where cores are slow and shared


FRAGMENTS = [
    "LIGHTS",
    "on",
    " ",
    "\t",
    "\n",
    "\r\n",
    ":1",
    "#0.5",
    "@x",
    ":",
    "#",
    "@",
    "▁",
    "é",
    "\x00",
    "\u2028",
    "20",
    "-",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(), st.lists(st.sampled_from(FRAGMENTS)).map(lambda parts: "".join(parts).encode())))
@example(content=b"\xff")
@example(content="A \u2028:".encode())
def test_no_file_does_more_than_be_refused(tmp_path: Path, content: bytes) -> None:
    try:
        found = read(tmp_path, content)
    except KeywordFileError:
        return
    assert found.keywords
    assert all(
        problem.line is None or problem.line <= content.count(b"\n") + content.count(b"\r") + 1
        for problem in found.problems
    )
