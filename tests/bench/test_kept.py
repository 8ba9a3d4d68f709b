"""What a run of a measurement keeps for the next one."""

from pathlib import Path

import pytest

from measure import kept
from measure.scoring import Hit


def test_hits_come_back_as_they_were_kept(tmp_path: Path) -> None:
    hits = [Hit("LIGHT UP", 1.25, 1.6, score=0.5), Hit("LIGHT UP", 3.0, 3.3)]
    kept.keep(tmp_path / "new" / "hits.json", hits)
    assert kept.recall(tmp_path / "new" / "hits.json", Hit) == hits
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hits.json"]


def test_a_change_of_code_or_of_its_tables_is_another_way_to_hear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kwsd" / "text"
    folder.mkdir(parents=True)
    monkeypatch.setattr(kept, "ROOT", tmp_path)
    seen = []
    for name, content in (("a.py", "1"), ("a.py", "2"), ("forms.toml", "3"), ("README.md", "4")):
        (folder / name).write_text(content)
        kept.code_digest.cache_clear()
        seen.append((kept.code_digest("text"), kept.code_digest()))
    assert len(set(seen)) == 3
    assert seen[2] == seen[3]  # a page is no code
