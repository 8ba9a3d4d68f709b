"""What is found where: folders and what is linked into them, globs, odd names; and what tells of a change."""

import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from kwsd.archive.cluster import Workers
from kwsd.archive.recordings import Unusable, find, look
from kwsd.archive.run import survey
from kwsd.archive.spans import ArchivedFile
from testkit.commands import WITHOUT_POWERS


@pytest.fixture
def calls(talk: Path, tmp_path: Path) -> Path:
    """A folder with one recording, and one in a folder of it."""
    folder = tmp_path / "calls"
    (folder / "march").mkdir(parents=True)
    for name in ("one.wav", "march/two.wav"):
        (folder / name).write_bytes((talk / "plain.wav").read_bytes())
    return folder


def found_in(*sources: Path | str) -> list[str]:
    return [each for each in find(map(str, sources)) if isinstance(each, str)]


def test_a_folder_that_may_not_be_read_is_told(calls: Path) -> None:
    """What lies beside it is found all the same."""
    (calls / "march").chmod(0)
    looking = "import sys; from kwsd.archive.recordings import find; print(*find(sys.argv[1:]), sep='\\n')"
    words = [*WITHOUT_POWERS, sys.executable, "-c", looking, str(calls)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    finally:
        (calls / "march").chmod(0o700)
    usable, unusable = done.stdout.splitlines()
    assert usable == str(calls / "one.wav")
    assert unusable == f"Unusable(uri='{calls}/march', why='cannot be looked at: Permission denied')"


def test_a_folder_that_is_linked_in_is_looked_into_once(calls: Path, tmp_path: Path) -> None:
    """Scenario.

    1. A folder elsewhere is linked in twice, and one that has it once more: each recording is found under one name.
    2. Links to what is found anyway, to the beginning, and to what all of it lies in: they end, and change no name.
    """
    disk = tmp_path / "disk"
    (disk / "2025").mkdir(parents=True)
    (calls / "one.wav").rename(disk / "2025" / "one.wav")
    for name, target in {"a": disk / "2025", "b": disk / "2025", "c": disk, "again": calls / "march"}.items():
        (calls / name).symlink_to(target)
    (disk / "back").symlink_to(calls)
    (calls / "march" / "up").symlink_to("..")
    (calls / "all").symlink_to(tmp_path)
    (tmp_path / "beside.wav").touch()
    assert found_in(calls) == [str(calls / "a" / "one.wav"), str(calls / "march" / "two.wav")]


def test_a_glob_takes_folders_for_what_is_in_them(calls: Path) -> None:
    """Quoted or not, it means the same; folders without recordings are nothing to tell of where others have some."""
    (calls / "april").mkdir()
    assert found_in(f"{calls}/*") == [str(calls / "march" / "two.wav"), str(calls / "one.wav")]
    assert found_in(f"{calls}/m*") == [str(calls / "march" / "two.wav")]
    (nothing,) = find([f"{calls}/a*"])
    assert isinstance(nothing, Unusable)
    assert nothing.why.startswith("has no recordings")


def test_what_is_wrong_with_a_file_is_told_without_its_name_which_stands_beside_it(calls: Path) -> None:
    (calls / "empty.wav").touch()
    (calls / "text.wav").write_text("no sound")
    found = [look(str(calls / name)) for name in ("empty.wav", "text.wav")]
    reasons = [each.why for each in found if isinstance(each, Unusable)]
    assert [why.split(":")[0] for why in reasons] == [
        "is empty",
        "is not audio that can be read (WAV, FLAC, OGG, Opus or MP3)",
    ]


def test_a_link_to_nothing_that_a_glob_matches_is_told(calls: Path) -> None:
    (calls / "gone.wav").symlink_to(calls / "nowhere.wav")
    found = [look(uri) for uri in found_in(f"{calls}/*.wav")]
    assert [type(each) for each in found] == [Unusable, ArchivedFile]


@pytest.mark.parametrize("name", ["12::30.wav", "zip::one.wav", "[1] what? *.wav", "per cent %20.wav"])
def test_a_file_may_have_any_name(name: str, calls: Path) -> None:
    """Two colons part one file system from another in what fsspec reads, which no file of this machine means."""
    (calls / "one.wav").rename(calls / name)
    for source in (calls / name, calls):
        assert str(calls / name) in found_in(source)
    assert isinstance(look(str(calls / name)), ArchivedFile)


class Dated(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """A file system that tells of a change by one word."""

    protocol = "dated"
    word = ""
    when: Any = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("dated://", "memory://")))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """As some server tells it."""
        found = super().info(path)
        return {"name": found["name"], "size": found["size"], "type": found["type"], self.word: self.when}


@pytest.mark.parametrize("word", ["mtime", "LastModified", "Last-Modified", "ETag", "last_modified", "modify", "etag"])
def test_a_file_that_was_replaced_by_one_as_long_is_another(
    word: str, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers have many words for it: plain HTTP, for one, often has but a date."""
    fsspec.register_implementation("dated", Dated, clobber=True)
    fsspec.filesystem("dated").pipe("/one.wav", (talk / "plain.wav").read_bytes())
    monkeypatch.setattr(Dated, "word", word)
    versions = []
    for when in (0, 1):
        monkeypatch.setattr(Dated, "when", when)
        found = look("dated://one.wav")
        assert isinstance(found, ArchivedFile)
        versions.append(found.id)
    assert versions[0] != versions[1]


def test_a_recording_in_a_packed_folder_is_another_when_its_sound_is(talk: Path, tmp_path: Path) -> None:
    """Recorders cut by the minute, so all files are as long as each other."""
    packed, sound = tmp_path / "today.zip", (talk / "plain.wav").read_bytes()
    versions = []
    for content in (sound, sound[:-2] + b"\1\1"):
        with zipfile.ZipFile(packed, "w") as file:
            file.writestr("one.wav", content)
        found = look(f"zip://one.wav::{packed}")
        assert isinstance(found, ArchivedFile)
        versions.append(found.id)
    assert versions[0] != versions[1]


class Dying:
    """Workers that die of one file."""

    count = 1

    def run(self, task: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
        """As Dask tells that a worker died three times."""
        for uris in items:
            yield uris, RuntimeError("killed") if any("two" in uri for uri in uris) else task(uris)


def test_a_file_that_ends_whoever_looks_at_it_takes_no_other_with_it(calls: Path) -> None:
    found = survey(cast("Workers", Dying()), [str(calls)])
    assert [type(each) for each in found] == [Unusable, ArchivedFile]
    assert found[0] == Unusable(str(calls / "march" / "two.wav"), "RuntimeError: killed")
