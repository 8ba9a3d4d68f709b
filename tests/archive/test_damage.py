"""Stores as they are found: wrong bits, files half written, frames of another model, two who search at once."""

import errno
import json
import os
import random
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest

from kwsd import Keyword, Model, SearchSettings
from kwsd.archive.cluster import Workers
from kwsd.archive.jobs import search_piece, write_search
from kwsd.archive.run import REPORT, index, outcomes_in, search, survey
from kwsd.archive.store import Store, StoreError, read_frames, read_spans
from testkit.archives import Here, run, store_flag

HERE = cast("Workers", Here())
KEYWORDS = [Keyword("light up"), Keyword("night")]


@pytest.fixture
def store(talk: Path, tiny_model_dir: Path, tmp_path: Path) -> Store:
    """Of one recording."""
    model, folder = Model.load(tiny_model_dir), tmp_path / "store"
    report = index(HERE, folder, model, survey(HERE, [str(talk / "plain.wav")]), lambda _: None)
    assert not report.store_error
    return Store(folder, model.encoder.fingerprint)


def hits(store: Store, model_dir: Path) -> list[tuple[float, str]]:
    """What a search tells now."""
    model = Model.load(model_dir)
    report = search(HERE, store.folder.parent, model, KEYWORDS, SearchSettings(), advance=lambda _: None)
    assert not report.problems
    return [(row["start"], row["keyword"]) for row in report.rows]


def test_wrong_bits_in_a_piece_are_told_as_damage_and_nothing_else(store: Store) -> None:
    """Of any bytes: it is read, or it is a StoreError that names the file."""
    (piece,) = store.pieces()
    whole, chance = piece.read_bytes(), random.Random(7)
    for _ in range(400):
        wrong = bytearray(whole)
        headers = [at for at in range(len(whole)) if whole[at : at + 2] == b"PK"]
        near = chance.choice(headers) + chance.randrange(46)
        at = min(len(whole) - 1, chance.choice((near, chance.randrange(len(whole)))))
        wrong[at] = chance.randrange(256)
        piece.write_bytes(wrong)
        with suppress(StoreError):
            for _ in read_frames(piece, read_spans(piece)):
                pass


@pytest.mark.parametrize("settings", ["", '[fallback]\nmode = "only"\n', 'sentences = "orders.yaml"\n'])
def test_a_search_for_no_phrases_is_refused(settings: str, tiny_model_dir: Path, tmp_path: Path) -> None:
    """Also where a daemon with these settings would hear fixed words, or sentences: an archive has phrases alone."""
    (tmp_path / "config.toml").write_text(settings)
    (tmp_path / "store").mkdir()
    own = (store_flag(tmp_path / "store"), "--config", tmp_path / "config.toml")
    done = run("search", *own, model=tiny_model_dir)
    assert (done.returncode, done.stdout) == (2, "")
    assert "kwsd-archive search --store DIR --keywords phrases.txt" in done.stderr


@pytest.mark.parametrize("told", [[], {"0": {}}, {"0": []}, {"x": 1}])
def test_a_list_of_spans_that_is_none_of_ours_is_damage(
    told: object, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    (piece,) = store.pieces()
    monkeypatch.setattr("kwsd.archive.store.parse_json", lambda _: told)
    with pytest.raises(StoreError, match="delete it and index again"):
        read_spans(piece)


def test_hits_that_were_half_written_are_looked_for_again(store: Store, tiny_model_dir: Path) -> None:
    """1. A search is through. 2. A power cut left half of its hits. 3. The next one finds them all."""
    before = hits(store, tiny_model_dir)
    assert before
    (kept,) = store.folder.glob("searches/*/*.jsonl")
    kept.write_bytes(kept.read_bytes()[:-20])
    assert hits(store, tiny_model_dir) == before


def test_pieces_and_hits_are_on_the_disk_before_they_have_their_name(
    store: Store, talk: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut may leave an empty file: a piece that is damaged, or hits that say nothing was found."""
    order: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(file: int) -> None:
        order.append("synced")
        fsync(file)

    def replaced(path: Path, to: Path) -> Path:
        order.append(to.name)
        return replace(path, to)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    sources = [str(talk / "stereo.flac")]
    index(HERE, store.folder.parent, Model.load(tiny_model_dir), survey(HERE, sources), lambda _: None)
    assert hits(store, tiny_model_dir)
    named = [place for place, what in enumerate(order) if what.endswith((".jsonl", ".npz"))]
    assert len(named) == 3
    assert all(order[place - 1] == "synced" for place in named)


def test_what_killed_runs_left_half_is_taken_away_and_what_others_write_is_not(store: Store) -> None:
    """1. Old halves of a piece and of hits go, a new one stays. 2. One that another run names meanwhile is no fault."""
    searches = store.folder / "searches" / "one"
    searches.mkdir(parents=True)
    old, older, new = store.folder / "a.part", searches / "b.part", store.folder / "c.part"
    for part in (old, older, new):
        part.touch()
    for part in (old, older):
        os.utime(part, (0, 0))
    (store.folder / "d.part").symlink_to("named meanwhile")
    store.make()
    assert [part.exists() for part in (old, older, new)] == [False, False, True]


def test_a_disk_that_is_full_keeps_no_half_of_the_hits(
    store: Store, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model.load(tiny_model_dir)
    place = store.folder / "searches" / "one"
    write_search(place, KEYWORDS, SearchSettings())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        search_piece(str(tiny_model_dir), model.encoder.fingerprint, place, store.pieces()[0])
    assert [path.name for path in place.iterdir()] == ["keywords.json"]


def test_whoever_searches_for_the_same_reads_a_whole_list(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two searches of one list share its file: the second one writes it while workers of the first read it."""
    place = store.folder / "searches" / "one"
    write_search(place, KEYWORDS, SearchSettings())
    seen: list[str] = []
    write_text = Path.write_text

    def slowly(path: Path, text: str, **given: str) -> int:
        write_text(path, "", **given)
        seen.append((place / "keywords.json").read_text())
        return write_text(path, text, **given)

    monkeypatch.setattr(Path, "write_text", slowly)
    write_search(place, KEYWORDS, SearchSettings())
    assert [json.loads(text)["keywords"] for text in seen] == [[{**asdict(each), "spellings": []} for each in KEYWORDS]]


@pytest.mark.parametrize("line", ["{", "[]", '{"recording": "a", "outcome": "kept", "of": "another version"}'])
def test_a_report_that_cannot_be_read_is_passed_over(line: str, store: Store) -> None:
    report = store.folder.parent / REPORT
    report.write_text(f'{line}\n{{"recording": "b.wav", "outcome": "failed", "notes": ["gone"]}}\n')
    told = {Path(each.recording).name: each.outcome for each in outcomes_in(store, report)}
    assert told == {"plain.wav": "kept", "b.wav": "failed"}


def test_frames_of_another_model_are_told_and_no_search_that_finds_nothing(store: Store, tiny_model_dir: Path) -> None:
    """1. All frames in a store are of other weights. 2. The search says so: no hits would be said of nothing at all."""
    store.folder.rename(store.folder.with_name("other weights"))
    with pytest.raises(StoreError, match=r"no frames of this model.*kwsd-archive index SOURCE"):
        hits(store, tiny_model_dir)
    assert [path.name for path in store.folder.parent.iterdir()] == ["other weights"]
