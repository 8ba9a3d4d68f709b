"""Positive recordings as people keep them: folders named after keywords, a manifest, clips that were judged."""

from __future__ import annotations

import csv
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from kwsd.audio.file import FileSource
from kwsd.errors import KwsdError
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import read_small
from kwsd.stream import Chunk
from kwsd.tuning.hear import with_pauses
from kwsd.tuning.kept import SOUNDS, sounds_in
from kwsd.tuning.marks import FILE, Marks
from kwsd.tuning.takes import levels

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recording:
    """One file, and whether the keyword is said in it."""

    path: Path
    keyword: str
    """Label of the keyword."""
    right: bool = True


def find_recordings(given: Sequence[Path], keywords: Sequence[Keyword]) -> list[Recording]:
    """Everything in folders, manifests and clip folders that belongs to a keyword.

    Raises:
        KwsdError: one cannot be read, or has nothing that belongs to any keyword.
    """
    labels = {plain(name): each.label for each in keywords for name in (each.phrase, each.label)}
    found: list[Recording] = []
    for path in given:
        try:
            inside = list(_inside(path, labels))
        except OSError as error:
            raise KwsdError(f"{error.filename or path}: cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise KwsdError(f"{path}: {error}") from error
        if not inside:
            known = ", ".join(dict.fromkeys(each.label for each in keywords))
            raise KwsdError(f"{path}: has no recordings of any keyword; folders or rows are to be called: {known}")
        found += inside
    return found


def _inside(path: Path, labels: dict[str, str]) -> Iterator[Recording]:
    if not path.is_dir():
        yield from _of_manifest(path, labels)
        return
    marks, strangers = Marks(path), Counter[Path]()
    for file in sounds_in(path):
        mark = marks.of(file)
        if mark is not None:
            label = labels.get(plain(file.stem.split("-", 2)[-1]))
            if label is not None:
                yield Recording(file, label, right=mark == "right")
        elif plain(file.parent.name) in labels:
            yield Recording(file, labels[plain(file.parent.name)])
        else:
            strangers[file.parent] += 1
    for folder, count in strangers.items():
        if not (folder / FILE).exists():  # clips that nobody judged yet are no mistake
            logger.warning("%s: no keyword is called so; %d recordings are left out", folder, count)


def _of_manifest(path: Path, labels: dict[str, str]) -> Iterator[Recording]:
    """A TSV or CSV with a header: `path`, and `keyword`, `phrase` or `transcript`."""
    if path.suffix.lower() in SOUNDS:
        raise ValueError("is one recording; give the folder that is called as its keyword, or a manifest")
    try:
        text = read_small(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError("is no manifest, for it is no text in UTF-8") from error
    rows = csv.DictReader(text.splitlines(), delimiter="\t" if "\t" in text.partition("\n")[0] else ",")
    column = next((name for name in ("keyword", "phrase", "transcript") if name in (rows.fieldnames or ())), None)
    if column is None or "path" not in (rows.fieldnames or ()):
        raise ValueError("is no manifest; its first line names the columns path and keyword")
    for row in rows:
        label = labels.get(plain(row[column] or ""))
        if label is not None:
            yield Recording(path.parent / row["path"], label)


def plain(name: str) -> str:
    """How names are compared: as a file name may write them."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.casefold())


def between_pauses(path: Path) -> Iterator[Chunk]:
    """A recording with its own noise before and behind it, as one chunk. Raises AudioError."""
    with closing(FileSource(path)) as source:
        sound = np.concatenate([chunk.samples for chunk in source] or [np.zeros(0, np.float32)])
    loud_db = levels(sound)
    noise_db = min(-50.0, float(np.quantile(loud_db, 0.1))) if len(loud_db) else -70.0
    yield Chunk(0, with_pauses(sound, noise_db), path.name)
