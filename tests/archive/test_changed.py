"""Recordings that are not what they were when they were indexed: changed, replaced, set back, grown, gone."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import soundfile

from kwsd import Keyword, Model, SearchSettings
from kwsd.archive.cluster import Workers
from kwsd.archive.jobs import search_piece
from kwsd.archive.run import REPORT, SearchReport, index, outcomes_in, search, survey
from kwsd.archive.store import Store
from kwsd.cli.kwsd_archive import tell_index, tell_page
from kwsd.timebase import SAMPLE_RATE
from testkit.archives import Here
from testkit.tiny_model import silence, speak, with_noise

HERE = cast("Workers", Here())
KEYWORDS = [Keyword("light up"), Keyword("night")]


def write(path: Path, *words: str) -> None:
    """These words, a second of nearly nothing behind each; the time of change is another than of the file before."""
    parts = [part for word in words for part in (speak(word.upper()), silence(1.0))]
    soundfile.write(path, with_noise(np.concatenate(parts), 1e-3), SAMPLE_RATE)
    soon_ns = path.stat().st_mtime_ns + 1_000_000 * len(words)
    os.utime(path, ns=(soon_ns, soon_ns))


class Archive:
    """One recording, its store, and what is asked of them."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.recording, self.store, self.page = folder / "talk.wav", folder / "store", folder / "hits.html"
        self.model, self._model = model, Model.load(model)

    def index(self) -> str:
        """What becomes of the recording."""
        report = index(HERE, self.store, self._model, survey(HERE, [str(self.recording)]), lambda _: None)
        tell_index(report, self.store)
        return report.outcomes[str(self.recording)].outcome

    def search(self, keywords: Sequence[Keyword] = KEYWORDS) -> SearchReport:
        return search(HERE, self.store, self._model, keywords, SearchSettings(), advance=lambda _: None)

    def words(self) -> list[str]:
        """What a search tells, in order."""
        return [row["keyword"] for row in self.search().rows]

    def heard_s(self) -> float:
        """The length of the recording, as the page tells it."""
        (outcome,) = outcomes_in(Store(self.store, self._model.encoder.fingerprint), self.store / REPORT)
        return outcome.sound_s

    def write_page(self) -> str:
        report = self.search()
        outcomes = outcomes_in(Store(self.store, self._model.encoder.fingerprint), self.store / REPORT)
        tell_page(HERE, self.page, outcomes, report.rows, report.versions)
        return self.page.read_text()


@pytest.fixture
def archive(tmp_path: Path, tiny_model_dir: Path) -> Archive:
    """Indexed."""
    made = Archive(tmp_path, tiny_model_dir)
    write(made.recording, "light up", "night")
    assert made.index() == "indexed"
    assert made.words() == ["light up", "night"]
    return made


def test_a_recording_that_is_set_back_is_what_it_was_first(archive: Archive, tmp_path: Path) -> None:
    """Scenario.

    1. A recording is replaced and indexed again: hits are those of the new one. 2. The first one comes back from a
    backup with its time of change, and is indexed again: hits are those of the first one, and its length is.
    """
    backup, heard_s = tmp_path / "backup", archive.heard_s()
    archive.recording.rename(backup)
    write(archive.recording, "night")
    assert archive.index() == "indexed"
    assert archive.words() == ["night"]
    assert archive.heard_s() < heard_s, "and not of both together"
    backup.replace(archive.recording)
    archive.index()
    assert archive.words() == ["light up", "night"]
    assert archive.heard_s() == heard_s
    assert archive.index() == "kept"


def test_a_store_that_was_copied_tells_the_same(archive: Archive) -> None:
    """Scenario.

    1. A recording is replaced and indexed again. 2. The store is copied, without times, the older piece last. 3. Hits
    are those of the newer one all the same.
    """
    write(archive.recording, "night")
    archive.index()
    by_age = sorted(archive.store.rglob("*.npz"), key=lambda piece: -piece.stat().st_mtime_ns)
    assert len(by_age) == 2
    for number, piece in enumerate(by_age):
        os.utime(piece, (number, number))
    assert archive.words() == ["night"]
    assert archive.index() == "kept"


def test_hits_of_a_recording_that_its_piece_has_no_more_are_left_out(archive: Archive) -> None:
    """As where a damaged piece was deleted, and made again when one of its recordings could not be read."""
    (hits,) = archive.store.rglob("searches/*/*.jsonl")
    line = hits.read_text().splitlines()[0]
    hits.write_text(hits.read_text() + line.replace("talk.wav", "gone.wav") + "\n")
    assert archive.words() == ["light up", "night"]


def test_a_scan_searches_no_piece_of_other_recordings(archive: Archive, tmp_path: Path) -> None:
    """1. One more is scanned into a store that has others. 2. Its sound alone is searched, and its hits are told."""
    other, model = tmp_path / "other.wav", Model.load(archive.model)
    write(other, "night")
    index(HERE, archive.store, model, survey(HERE, [str(other)]), lambda _: None)
    only, keywords = {str(other)}, [Keyword("night")]
    found = search(HERE, archive.store, model, keywords, SearchSettings(), advance=lambda _: None, only=only)
    assert [row["recording"] for row in found.rows] == [str(other)]
    assert found.sound_s == pytest.approx(soundfile.info(other).duration, abs=0.1)


def test_a_list_behind_a_keyword_that_is_edited_is_searched_anew(archive: Archive, tmp_path: Path) -> None:
    """Scenario.

    1. A keyword arms a list, and nothing of that is said. 2. The list is edited and searched for. 3. Likewise by a
    worker that does not see it. Result: what it says now is found.
    """
    behind = tmp_path / "behind.txt"
    keywords = [Keyword("light up", then=str(behind))]
    behind.write_text("night fall\n")
    assert [row["keyword"] for row in archive.search(keywords).rows] == ["light up"]
    behind.write_text("night\n")
    assert [row["keyword"] for row in archive.search(keywords).rows] == ["light up", "night"]
    (place,) = (path.parent for path in archive.store.rglob("keywords.json") if r'"night\n"' in path.read_text())
    behind.unlink()
    (piece,) = archive.store.rglob("*.npz")
    assert search_piece(str(archive.model), piece.parent.name, place, piece).hits == 2


def test_what_a_recording_grew_by_is_found_once_it_is_indexed(archive: Archive) -> None:
    """What was there before stays there once."""
    sound, _ = soundfile.read(archive.recording, dtype="float32")
    soundfile.write(archive.recording, np.concatenate([sound, sound]), SAMPLE_RATE)
    assert archive.words() == ["light up", "night"]
    archive.index()
    assert archive.words() == ["light up", "night"] * 2


def replace_it(recording: Path) -> None:
    write(recording, "night", "night", "night")


def make_it_a_folder(recording: Path) -> None:
    recording.unlink()
    recording.mkdir()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (replace_it, "has changed since it was indexed"),
        (Path.unlink, "No such file"),
        (make_it_a_folder, "talk.wav"),
        (lambda path: path.write_bytes(b"RIFF"), "talk.wav"),
    ],
)
def test_hits_of_what_is_there_no_more_are_told_without_a_sound(
    change: Callable[[Path], None], why: str, archive: Archive
) -> None:
    """Scenario.

    1. The page has a sound for each hit. 2. The recording is replaced or taken away, and not indexed again: hits stay,
    the page plays nothing in their place that was not searched, and says why.
    """
    assert archive.write_page().count("<audio") == 2
    change(archive.recording)
    page = archive.write_page()
    assert archive.words() == ["light up", "night"]
    assert page.count("<tr id=") == 2
    assert "<audio" not in page
    told = [line for line in page.splitlines() if "no sound: " in line]
    assert [why in line for line in told] == [True, True], "beside its hits, and in the list of files"


def test_a_page_says_of_a_recording_once_what_is_amiss_with_it(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """Channels that cancel are told of when it is indexed: not again for each hit whose sound is cut out."""
    sound, _ = soundfile.read(archive.recording, dtype="float32")
    soundfile.write(archive.recording, np.stack([sound, -sound], axis=1), SAMPLE_RATE)
    archive.index()
    caplog.clear()
    assert archive.write_page().count("<audio") == 2
    assert [each.getMessage() for each in caplog.records if each.levelname == "WARNING"] == []
