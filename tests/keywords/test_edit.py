"""One keyword of a TOML file changes: the rest of it stays as it is, and nothing is ever half written."""

import os
from pathlib import Path

import pytest

from kwsd.errors import KeywordFileError
from kwsd.keywords.edit import find_keyword, write_keyword
from kwsd.keywords.keyword import Keyword

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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "k.toml"
    path.write_text(BEFORE)
    path.chmod(0o640)
    return path


def test_comments_and_order_stay_and_a_backup_lies_beside_it(path: Path) -> None:
    keyword = find_keyword(path, "HADOUKEN")
    assert keyword == find_keyword(path, "game") == Keyword("hadouken", name="game", threshold=0.9)
    backup = write_keyword(path, keyword, {"spellings": ("/AE D AX/",), "threshold": 0.5})
    assert backup == path.with_name("k.toml.bak")
    assert backup.read_text() == BEFORE
    after = path.read_text()
    assert after.replace("0.5 # was", "0.9 # was").replace('spellings = ["/AE D AX/"]\n', "") == BEFORE
    assert find_keyword(path, "game") == Keyword("hadouken", name="game", threshold=0.5, spellings=("/AE D AX/",))
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_keyword_that_is_not_there_is_added_and_a_file_made(path: Path, tmp_path: Path) -> None:
    write_keyword(path, find_keyword(path, "fenrir"), {"threshold": 0.4})
    assert path.read_text().startswith(BEFORE)
    assert find_keyword(path, "fenrir").threshold == 0.4
    assert write_keyword(tmp_path / "new.toml", Keyword("fenrir"), {"threshold": 0.4}) is None
    assert find_keyword(tmp_path / "new.toml", "fenrir") == Keyword("fenrir", threshold=0.4)


def test_a_link_stays_one(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    write_keyword(link, find_keyword(link, "game"), {"threshold": 0.4})
    assert link.is_symlink()
    assert find_keyword(path, "game").threshold == 0.4


@pytest.mark.parametrize(("name", "content"), [("k.txt", "lights on"), ("broken.toml", "[[keyword"), ("k.toml", None)])
def test_what_is_no_toml_keyword_file_is_refused(tmp_path: Path, name: str, content: str | None) -> None:
    path = tmp_path / name
    if content is None:
        path.mkdir()
    else:
        path.write_text(content)
    with pytest.raises(KeywordFileError, match=name.replace(".", r"\.")):
        write_keyword(path, Keyword("a"), {"threshold": 0.4})


def test_a_full_disk_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_keyword(path, find_keyword(path, "game"), {"threshold": 0.4})
    assert path.read_text() == BEFORE
    assert not list(path.parent.glob(".*part"))
