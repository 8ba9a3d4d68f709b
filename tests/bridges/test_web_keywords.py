"""The keyword file as the page edits it: judged while it is typed, saved whole, in force when the answer comes."""

from dataclasses import replace
from pathlib import Path

import pytest

from kwsd.bridges.web.hub import Hub
from kwsd.bridges.web.keyword_editor import EditError, KeywordEditor, KeywordText
from kwsd.config import Settings
from kwsd.keywords.shipped import shipped_lists
from testkit.daemons import Plug, running
from testkit.web import serving_page


def editor(file: Path, model: Path) -> KeywordEditor:
    """Of a file that the settings name."""
    return KeywordEditor(replace(Settings(), keywords=file, model=str(model)), Hub(file.parent / "none"))


def test_a_running_daemons_file_is_edited(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. kwsd-web was told of no file: it is the daemon's. 2. A phrase is added, and a line that cannot be used: in force,
    and the bad line named. 3. Saved from the text of before: refused. 4. Nothing usable: refused; both leave the
    file as it was.
    """
    Plug(tmp_path).plug_in()
    file = tmp_path / "keywords.txt"
    with (
        running(tmp_path, tiny_model_dir) as daemon,
        serving_page(tmp_path, "--model", tiny_model_dir, socket=daemon.socket_path) as web,
        web.page() as page,
    ):
        page.status_with("listening")
        read = web.ask("/api/keywords").json
        assert (read["text"], read["name"], read["locked"]) == (file.read_text(), str(file), None)
        text = read["text"] + "LIGHT OFF\nTURN ON #9\n"
        checked = web.ask("/api/keywords/check", {"text": text}).json["lines"]
        assert [line["ways"][:1] for line in checked][-2:] == [["LIGHT · OFF"], []]
        assert "#9" in checked[-1]["faults"][0]
        saved = web.ask("/api/keywords/save", {"text": text, "digest": read["digest"]}).json
        assert saved["keywords"] == daemon.ask(command="status")["data"]["keywords"] == [*KEYWORDS, "LIGHT OFF"]
        assert [f"{file}:5" in problem for problem in saved["problems"]] == [True]

        stale = web.ask("/api/keywords/save", {"text": "HEY", "digest": read["digest"]})
        assert (stale.status, "changed meanwhile" in stale.json["error"]) == (409, True)
        useless = web.ask("/api/keywords/save", {"text": "TURN #9\n", "digest": saved["digest"]})
        assert (useless.status, "no line of it" in useless.json["error"]) == (409, True)
        assert web.ask("/api/keywords/save", {"text": "x", "digest": saved["digest"], "name": "/etc/x"}).status == 422
        assert file.read_text() == text
        assert (tmp_path / "keywords.txt.bak").read_text() == read["text"]


KEYWORDS = ["LIGHT ON", "TURN OFF", "HEY LIGHT"]


def test_what_is_saved_while_no_daemon_runs_is_saved(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. Saved: it is said that nothing reads it now. 2. Saved once more, by what that answer said of the file."""
    file = tmp_path / "k.txt"
    file.write_text("LIGHT ON\n")
    with serving_page(tmp_path, "--keywords", file, "--model", tiny_model_dir, socket=tmp_path / "s") as web:
        digest = web.ask("/api/keywords").json["digest"]
        for text in ("TURN OFF\n", "HEY LIGHT\n"):
            saved = web.ask("/api/keywords/save", {"text": text, "digest": digest}).json
            assert (file.read_text(), saved["unread"]) == (text, "the daemon is not running")
            digest = saved["digest"]


def test_line_ends_of_the_file_stay(tmp_path: Path, tiny_model_dir: Path) -> None:
    """A browser sends LF, whatever it was given. 1. CRLF stays CRLF, a byte-order mark stays. 2. LF stays LF."""
    file = tmp_path / "k.toml"
    for mark, ends in (("\ufeff", "\r\n"), ("", "\n")):
        before = f'{mark}# mine{ends}[[keyword]]{ends}phrase = "LIGHT ON"{ends}'
        file.write_bytes(before.encode())
        keywords = editor(file, tiny_model_dir)
        shown = keywords.read()
        edited = shown["text"].replace("\r\n", "\n").replace("LIGHT ON", "TURN OFF")
        digest = keywords.save(KeywordText(text=edited, digest=shown["digest"]))
        assert file.read_bytes().decode() == before.replace("LIGHT ON", "TURN OFF")
        assert digest == keywords.read()["digest"]


def test_tables_are_judged_one_by_one(tmp_path: Path, tiny_model_dir: Path) -> None:
    (tmp_path / "k.toml").write_text('[[keyword]]\nphrase = "LIGHT ON"\n')
    keywords = editor(tmp_path / "k.toml", tiny_model_dir)
    assert keywords.read()["is_toml"]
    text = '[[keyword]]\nphrase = "LIGHT ON"\n[[keyword]]\nphrase = "LIGHT ON"\n[[keyword]]\nphrase = 3\n'
    found = [line for line in keywords.check(KeywordText(text=text)) if line["table"]]
    assert [bool(line["keyword"]) for line in found] == [True, False, False]
    assert all(line["faults"] for line in found[1:])
    assert "TOML" in keywords.check(KeywordText(text="[[keyword"))[0]["faults"][0]


def test_what_may_not_be_edited_is_said(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. A list that comes with kwsd, one of too many lines, one that is not UTF-8, none. 2. A link stays a link."""
    shipped = next(iter(shipped_lists().values()))
    assert "comes with kwsd" in editor(shipped, tiny_model_dir).read()["locked"]
    file = tmp_path / "k.txt"
    keywords = editor(file, tiny_model_dir)
    with pytest.raises(EditError, match="cannot be read"):
        keywords.read()
    file.write_bytes(b"caf\xe9\n")
    with pytest.raises(EditError, match="UTF-8"):
        keywords.read()
    file.write_text("LIGHT ON\n")
    file.chmod(0o640)
    with pytest.raises(EditError, match="more than 2000"):
        keywords.check(KeywordText(text="LIGHT ON\n" * 2001))
    with pytest.raises(EditError, match="--keywords FILE"):
        KeywordEditor(Settings(), Hub(tmp_path / "none")).read()

    link = tmp_path / "link.txt"
    link.symlink_to(file)
    linked = editor(link, tiny_model_dir)
    linked.save(KeywordText(text="LIGHT OFF\n", digest=linked.read()["digest"]))
    assert (link.is_symlink(), file.read_text(), file.stat().st_mode & 0o777) == (True, "LIGHT OFF\n", 0o640)
