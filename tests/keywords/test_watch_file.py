"""A keyword file is followed by its content, whichever way it comes by that."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kwsd.keywords.watch_file import FileWatch, content_digest
from kwsd.small_files import LARGEST_BYTES

OLD, NEW = "yes\n", "yes\nno\n"


def relink(link: Path, target: str) -> None:
    """As `ln -sfn` should do it."""
    (link.parent / "new-link").symlink_to(target)
    (link.parent / "new-link").replace(link)


def plain(place: Path) -> Path:
    (place / "etc").mkdir()
    (place / "etc" / "k").write_text(OLD)
    return place / "etc" / "k"


def linked(place: Path) -> Path:
    for name, text in (("a", OLD), ("b", NEW)):
        (place / name).mkdir()
        (place / name / "k").write_text(text)
    (place / "etc").symlink_to("a")
    (place / "k").symlink_to("etc/k")
    return place / "k"


def in_place(place: Path) -> None:
    (place / "etc" / "k").write_text(NEW)


def renamed_over(place: Path) -> None:
    (place / "new").write_text(NEW)
    (place / "new").replace(place / "etc" / "k")


def renamed_over_with_the_old_times(place: Path) -> None:
    """As `rsync -t` and `cp -p` leave it: a file no newer than the one before, and of another size by chance only."""
    old = (place / "etc" / "k").stat()
    (place / "new").write_text("on\n\n")
    os.utime(place / "new", ns=(old.st_atime_ns, old.st_mtime_ns))
    (place / "new").replace(place / "etc" / "k")


def made_anew(place: Path) -> None:
    (place / "etc" / "k").unlink()
    time.sleep(0.05)
    (place / "etc" / "k").write_text(NEW)


def directory_exchanged(place: Path) -> None:
    (place / "other").mkdir()
    (place / "other" / "k").write_text(NEW)
    (place / "etc").rename(place / "gone")
    (place / "other").rename(place / "etc")


def directory_away_and_back(place: Path) -> None:
    (place / "etc").rename(place / "gone")
    time.sleep(0.05)
    (place / "gone" / "k").write_text(NEW)
    (place / "gone").rename(place / "etc")


def directory_made_anew(place: Path) -> None:
    shutil.rmtree(place / "etc")
    (place / "etc").mkdir()
    (place / "etc" / "k").write_text(NEW)


def link_of_the_directory(place: Path) -> None:
    relink(place / "etc", "b")


def link_of_the_file(place: Path) -> None:
    relink(place / "k", "b/k")


def behind_a_changed_link(place: Path) -> None:
    (place / "b" / "k").write_text(OLD)
    relink(place / "etc", "b")
    (place / "b" / "k").write_text(NEW)


WAYS = [
    *((plain, way) for way in (in_place, renamed_over, renamed_over_with_the_old_times, made_anew)),
    *((plain, way) for way in (directory_exchanged, directory_away_and_back, directory_made_anew)),
    *((linked, way) for way in (link_of_the_directory, link_of_the_file, behind_a_changed_link)),
]


def looked(watch: FileWatch, times: int = 3) -> list[str]:
    """What it tells in so many looks."""
    return [digest for _ in range(times) if (digest := watch.new_digest()) is not None]


@pytest.mark.parametrize(("prepare", "change"), WAYS, ids=lambda part: part.__name__)
def test_new_content_is_noticed(
    tmp_path: Path, prepare: Callable[[Path], Path], change: Callable[[Path], None]
) -> None:
    path = prepare(tmp_path)
    watch, before = FileWatch(path), content_digest(path)
    assert looked(watch) == []
    change(tmp_path)
    assert looked(watch) == [content_digest(path)] != [before]
    assert looked(watch) == []


def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path) -> None:
    watch = FileWatch(plain(tmp_path))
    with (tmp_path / "etc" / "k").open("w") as file:
        for line in range(5):
            file.write(f"word {line}\n")
            file.flush()
            assert watch.new_digest() is None
    assert looked(watch) == [content_digest(tmp_path / "etc" / "k")]


@pytest.mark.parametrize("kind", ["missing", "pipe", "directory", "device", "huge", "loop"])
def test_what_is_no_file_of_keywords_is_not_read(tmp_path: Path, kind: str) -> None:
    """Nor waited for: it is told as a content that no file has."""
    path = tmp_path / "k"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "directory":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
        case "huge":
            with path.open("wb") as hole:
                hole.truncate(LARGEST_BYTES + 1)
        case "loop":
            path.symlink_to("k")
    began_s = time.monotonic()
    assert ":" in content_digest(path)
    assert time.monotonic() - began_s < 1
