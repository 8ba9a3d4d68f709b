"""Long lists are read out once: what is on disk is taken where nothing that decides it has changed, and only then."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kwsd.keywords import kept_sequences, sequences
from kwsd.keywords.kept_sequences import MOST_FILES, known_token_sequences
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import all_token_sequences
from kwsd.text.pieces import Tokenizer
from testkit.letters import LETTER_TOKENS


class Counting(Tokenizer):
    """Knows how often it was asked."""

    def __init__(self, fingerprint: str = "letters") -> None:
        """Of letters."""
        super().__init__(lambda word: ["▁", *word], LETTER_TOKENS, fingerprint)
        self.asked = 0

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """Counted."""
        self.asked += 1
        return super().encodings(text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where lists are kept, and a list of three is long."""
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_sequences, "WORTH_KEEPING", 3)
    return tmp_path / "cache" / "keywords"


def keywords(*phrases: str) -> list[Keyword]:
    return [Keyword(phrase) for phrase in phrases]


LONG = keywords("colour 7", "color", "okay lights", "T.V. on")


def test_a_long_list_is_read_out_once(folder: Path) -> None:
    """1. A list is read out, and kept for its owner alone. 2. Another process has it again without asking once.

    3. Thresholds and boosts decide nothing of it.
    """
    first, second = Counting(), Counting()
    wanted = all_token_sequences(LONG, Counting())
    assert known_token_sequences(LONG, first) == wanted
    assert first.asked
    (file,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)
    other_thresholds = [Keyword(each.phrase, threshold=0.5, boost=2.0) for each in LONG]
    assert known_token_sequences(other_thresholds, second) == wanted
    assert second.asked == 0


@pytest.mark.parametrize(
    "other",
    [
        keywords("colour 7", "color", "okay lights", "T.V. off"),
        [*LONG[:3], Keyword("T.V. on", spellings=("tee vee on",))],
        [Keyword("colour 7", written_forms=False, spellings=("colour seven",)), *LONG[1:]],
        LONG[::-1],
        LONG[:3],
    ],
)
def test_another_list_is_another(folder: Path, other: list[Keyword]) -> None:
    known_token_sequences(LONG, Counting())
    asked = Counting()
    assert known_token_sequences(other, asked) == all_token_sequences(other, Counting())
    assert asked.asked
    assert len([*folder.iterdir()]) == 2


def test_another_tokenizer_and_changed_code_read_it_out_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. Another model. 2. A version of kwsd that writes phrases otherwise. 3. A tokenizer that nobody can name."""
    known_token_sequences(LONG, Counting())
    other = Counting("other letters")
    known_token_sequences(LONG, other)
    assert other.asked
    monkeypatch.setattr(sequences, "__file__", __file__)
    newer = Counting()
    known_token_sequences(LONG, newer)
    assert newer.asked
    unnamed = Counting("")
    known_token_sequences(LONG, unnamed)
    assert unnamed.asked
    assert len([*folder.iterdir()]) == 3


@pytest.mark.parametrize("damage", [b"", b"rubbish", b"[[[[1], 7]]]", None])
def test_what_is_damaged_is_made_anew(folder: Path, damage: bytes | None) -> None:
    """1. A file is emptied, overwritten, cut off in the middle. 2. The list is whole, and so is the file again."""
    wanted = known_token_sequences(LONG, Counting())
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert known_token_sequences(LONG, Counting()) == wanted
    assert file.read_bytes() == whole


def test_a_directory_that_cannot_be_written_costs_nothing(folder: Path) -> None:
    """Here a file stands in its way, which stops root as well."""
    folder.parent.write_text("", encoding="utf-8")
    assert known_token_sequences(LONG, Counting()) == all_token_sequences(LONG, Counting())


def test_a_file_that_may_only_be_read_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. A list is kept. 2. It is another user's: nothing about it can be changed. Result: it is read all the same."""
    known_token_sequences(LONG, Counting())
    assert len([*folder.iterdir()]) == 1

    def refuse(*_arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "touch", refuse)
    again = Counting()
    known_token_sequences(LONG, again)
    assert again.asked == 0


def test_the_oldest_goes(folder: Path) -> None:
    """1. As many lists as are kept, and one that was read again. 2. One more: the one unread for the longest goes."""
    lists = [keywords("a", "b", f"c {'d' * number}") for number in range(MOST_FILES + 1)]
    for age, each in enumerate(lists[:-1]):
        known = {*folder.iterdir()} if folder.exists() else set()
        known_token_sequences(each, Counting())
        (new,) = {*folder.iterdir()} - known
        os.utime(new, (age, age))
    known_token_sequences(lists[0], Counting())
    known_token_sequences(lists[-1], Counting())
    assert len([*folder.iterdir()]) == MOST_FILES
    asked = [Counting() for _ in lists]
    for each, tokenizer in zip(lists[2:], asked[2:], strict=True):
        known_token_sequences(each, tokenizer)
    known_token_sequences(lists[0], asked[0])
    assert not any(each.asked for each in asked)
    known_token_sequences(lists[1], asked[1])
    assert asked[1].asked


def test_a_short_list_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    known_token_sequences(LONG, Counting())
    assert not [*tmp_path.iterdir()]
