"""One keyword of a TOML file changes: the rest of it stays as it is, and nothing is ever half written."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from kwsd.errors import KeywordFileError
from kwsd.keywords.edit import known_keyword, write_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.toml_tables import read_tables

BEFORE = """\
# kitchen
[[keyword]]
phrase = "lights on"   # the big one
boost = 2.0

[[keyword]]
name = "game"
phrase = "hadouken"
threshold = 0.9 # was too much
"""


def found(path: Path, name: str) -> Keyword:
    """One that is there."""
    keyword = known_keyword(path, name)
    assert keyword is not None
    return keyword


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "k.toml"
    path.write_text(BEFORE)
    path.chmod(0o640)
    return path


def test_comments_and_order_stay_and_a_backup_lies_beside_it(path: Path) -> None:
    keyword = found(path, "HADOUKEN")
    assert keyword == found(path, "game") == Keyword("hadouken", name="game", threshold=0.9)
    backup = write_keywords(path, {keyword: {"spellings": ("/AE D AX/",), "threshold": 0.5}})
    assert backup == path.with_name("k.toml.bak")
    assert backup.read_text() == BEFORE
    after = path.read_text()
    assert after.replace("0.5 # was", "0.9 # was").replace('spellings = ["/AE D AX/"]\n', "") == BEFORE
    assert found(path, "game") == Keyword("hadouken", name="game", threshold=0.5, spellings=("/AE D AX/",))
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_keyword_that_is_not_there_is_added_and_a_file_made(path: Path, tmp_path: Path) -> None:
    assert known_keyword(path, "fenrir") is None
    write_keywords(path, {Keyword("fenrir"): {"threshold": 0.4}})
    assert path.read_text().startswith(BEFORE)
    assert found(path, "fenrir").threshold == 0.4
    assert write_keywords(tmp_path / "new.toml", {Keyword("fenrir"): {"threshold": 0.4}}) is None
    assert found(tmp_path / "new.toml", "fenrir") == Keyword("fenrir", threshold=0.4)


LAYOUTS = (
    '[[keyword]]\nphrase = "stop" # a comment that no line end follows',
    '[[keyword]]\nphrase = "game"',
    'keyword = [{ phrase = "stop" }, { phrase = "game" }] # inline\n',
    'keyword = [\n  # tables\n  { phrase = "stop" } # in lines\n]\n',
    "keyword = []\n",
    "# nothing yet\n",
    "\ufeff# of an editor that marks UTF-8\n[[keyword]]\nphrase = 'game'\n",
    "\ufeff",
    '[[keyword]]\nphrase = "game"\nspellings = [\n  # a\n  "/AE/", # b\n  "/D/" # c\n  # d\n] # e\n# f\n',
    '# lines\r\n[[keyword]] # end so\r\nphrase = "game"\r\nspellings = [\r\n  "/AE/",\r\n]\r\n',
    '[[keyword]]\nphrase = "stop"\n\n[[keyword]]\nphrase = "  Game " # blanks\n',
    '[["keyword"]]\n"phrase" = "g\\u0061me"\nspellings = []\n',
)


@pytest.mark.parametrize("before", LAYOUTS)
def test_a_file_of_any_layout_keeps_its_comments_and_line_ends(tmp_path: Path, before: str) -> None:
    """A keyword that is there, or not, gets spellings and a threshold, twice; what else is said stays as it was."""
    path = tmp_path / "k.toml"
    path.write_bytes(before.encode())
    for number in (1, 2):
        keyword = known_keyword(path, "game") or Keyword("game")
        others = [line.keyword for line in read_tables(path.read_bytes()) if line.keyword != keyword]
        more, threshold = (*keyword.spellings, f"/D {number}/"), number / 10
        write_keywords(path, {keyword: {"spellings": more, "threshold": threshold}})
        assert found(path, "game") == replace(keyword, spellings=more, threshold=threshold)
        lines = read_tables(path.read_bytes())
        assert [line.keyword for line in lines if line.keyword != found(path, "game")] == others
    after = path.read_bytes().decode()
    assert [part for part in before.split("#")[1:] if part.strip() and part.splitlines()[0] not in after] == []
    assert before.startswith("\ufeff") == after.startswith("\ufeff")
    assert "\r\n" not in before or "\n" not in after.replace("\r\n", "")


@pytest.mark.parametrize("before", ['[keyword]\nphrase = "game"\n', 'keyword = ["game"]\n', "keyword = 1\n"])
def test_a_layout_that_cannot_be_changed_is_refused_and_stays(tmp_path: Path, before: str) -> None:
    path = tmp_path / "k.toml"
    path.write_text(before)
    with pytest.raises(KeywordFileError, match=r"k\.toml: is laid out .* write keywords as \[\[keyword\]\]"):
        write_keywords(path, {Keyword("game"): {"threshold": 0.4}})
    assert path.read_text() == before


def test_a_name_is_known_however_it_is_typed(path: Path) -> None:
    path.write_text('[[keyword]]\nphrase = "Olá  mundo"\n')
    assert known_keyword(path, "ola\u0301 MUNDO") == found(path, "olá mundo")


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    write_keywords(link, {found(link, "game"): {"threshold": 0.4}})
    assert link.is_symlink()
    assert found(path, "game").threshold == 0.4


@pytest.mark.parametrize(("name", "content"), [("broken.toml", "[[keyword"), ("k.toml", None)])
def test_what_is_no_keyword_file_is_refused(tmp_path: Path, name: str, content: str | None) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(KeywordFileError, match=name.replace(".", r"\.")):
        write_keywords(path, {Keyword("a"): {"threshold": 0.4}})


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_keywords(path, {found(path, "game"): {"threshold": 0.4}})
    assert path.read_text() == BEFORE
    assert not list(path.parent.glob(".*part"))


def test_a_disk_too_full_for_a_backup_leaves_the_one_that_is_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: Path, copy: Path) -> None:
        copy.touch()
        raise OSError(28, os.strerror(28))

    backup = path.with_name(path.name + ".bak")
    backup.write_text("from before")
    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(OSError, match="No space left") as raised:
        write_keywords(path, {found(path, "game"): {"threshold": 0.4}})
    assert raised.value.filename == str(backup)
    assert (path.read_text(), backup.read_text()) == (BEFORE, "from before")


LINES = "\ufeff# kitchen\r\nlights on :2 @big one\r\n\r\n#0.9 hadouken\nlights off#\n"


def test_thresholds_and_boosts_of_a_text_file_change_and_nothing_else(tmp_path: Path) -> None:
    """1. Set where there was none, behind a name, and in place of one. 2. What lines cannot say: refused."""
    path = tmp_path / "k.txt"
    path.write_bytes(LINES.encode())
    keywords = Keyword("lights on", name="big one"), Keyword("hadouken")
    assert write_keywords(path, {each: {"threshold": 0.45} for each in keywords}) == tmp_path / "k.txt.bak"
    after = LINES.replace("one\r", "one #0.45\r").replace("#0.9", "#0.45")
    assert path.read_bytes() == after.encode()
    write_keywords(path, {keywords[0]: {"boost": 1.5}})
    assert path.read_bytes() == after.replace(":2", ":1.5").encode()
    with pytest.raises(KeywordFileError, match='has no keyword "x" any more'):
        write_keywords(path, {keywords[0]: {"boost": 3.0}, Keyword("x"): {"boost": 3.0}})
    with pytest.raises(KeywordFileError, match="spellings is written to TOML only"):
        write_keywords(path, {keywords[0]: {"spellings": ("/AE/",)}})
    assert path.read_bytes() == after.replace(":2", ":1.5").encode()


def test_the_backup_is_what_was_there_before_all_changes(path: Path) -> None:
    keywords = (found(path, "game"), found(path, "lights on"), Keyword("new one"))
    write_keywords(path, {keyword: {"threshold": 0.4} for keyword in keywords})
    assert path.with_name("k.toml.bak").read_text() == BEFORE


def test_lists_that_come_with_kwsd_stay() -> None:
    shipped = Path(__file__).parents[2] / "keywords" / "demo.txt"
    with pytest.raises(KeywordFileError, match="comes with kwsd: copy it"):
        write_keywords(shipped, {Keyword("hey computer"): {"threshold": 0.4}})
