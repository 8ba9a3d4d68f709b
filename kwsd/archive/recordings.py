"""Recordings wherever they lie: files, folders, globs, and whatever fsspec opens. The only importer of fsspec."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec

from kwsd.archive.spans import ArchivedFile, FileSpan
from kwsd.audio.file import FileSource, SoundSource, open_sound
from kwsd.errors import AudioError
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Chunk

SOUNDS = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".rf64"}
"""What is taken of a folder. What is named itself, or by a glob, is taken whatever its suffix."""
LOCAL = "file"
CHANGED = (
    *("mtime", "LastModified", "ETag", "updated", "Last-Modified", "Content-MD5", "last_modified", "etag"),
    *("modified", "modify", "CRC", "sha", "created"),
)
"""What file systems call the time of a change, or a sum of the content: the first that one tells counts."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A source that gives no sound."""

    uri: str
    why: str

    @classmethod
    def by(cls, error: Exception, uri: str) -> Unusable:
        """What an error says, without the name, which stands beside it."""
        return cls(uri, str(error).removeprefix(uri).lstrip(": ") or type(error).__name__)


def find(sources: Iterable[str]) -> Iterator[str | Unusable]:
    """Every file once: sources themselves, those in folders and below, those that a glob matches."""
    told: set[str] = set()
    for source in sources:
        for found in _find(source):
            uri = found.uri if isinstance(found, Unusable) else found
            if uri not in told:
                told.add(uri)
                yield found


def _find(source: str) -> Iterator[str | Unusable]:
    try:
        files, path = _filesystem(source)
        is_chain = "::" in source and not is_local(files)  # zip://call.flac::s3://bucket/calls.zip
        within = source[source.index("::") :] if is_chain else ""
        there = [path] if files.isfile(path) or files.isdir(path) else sorted(files.glob(path))
        folders = {one for one in there if not files.isfile(one) and files.isdir(one)}
        found = [each for one in there for each in (recordings_in(files, one) if one in folders else [one])]
        yield from (each if isinstance(each, Unusable) else address(files, each) + within for each in found)
        if not there:
            yield Unusable(source, "does not exist, and matches nothing")
        elif not found:
            yield Unusable(source, f"has no recordings ({', '.join(sorted(SOUNDS))})")
    except (OSError, ValueError, ImportError) as error:
        yield Unusable(source, f"cannot be looked at: {error}")


def recordings_in(files: Any, folder: str) -> Iterator[str | Unusable]:
    """Paths of those in a folder and below, in order; here also where links lead beside it, each folder once."""
    unreadable: list[OSError] = []
    if is_local(files):
        paths, root, walked = [], Path(folder).resolve(), set[Path]()
        for place, folders, names in os.walk(folder, onerror=unreadable.append, followlinks=True):
            here = Path(place)
            links = {name: (here / name).resolve() for name in folders if (here / name).is_symlink()}
            around = {name for name, to in links.items() if to.is_relative_to(root) or root.is_relative_to(to)}
            known = here.resolve() in walked
            walked.add(here.resolve())
            folders[:] = [] if known else sorted(set(folders) - around)
            paths += [] if known else [str(here / name) for name in names]
    else:
        paths = files.find(folder)
    yield from (each for each in sorted(paths) if Path(each).suffix.lower() in SOUNDS)
    yield from (Unusable(str(error.filename), f"cannot be looked at: {error.strerror}") for error in unreadable)


def look(uri: str) -> ArchivedFile | Unusable:
    """What its header tells of a file; reads no more than that."""
    try:
        files, path = _filesystem(uri)
        info = files.info(path)
        changed = next((info[key] for key in CHANGED if info.get(key) is not None), "")
        version = f"{info.get('size')} {changed}"
        with closing(_open(uri)) as source:
            return ArchivedFile(uri, version, source.duration_s, source.can_begin_later)
    except (AudioError, OSError, ValueError, ImportError) as error:
        return Unusable.by(error, uri)


def open_span(span: FileSpan, start_sample: int) -> Iterator[Chunk]:
    """The sound of its recording from a sample on. Raises AudioError."""
    uri = span.recording.uri
    try:
        with closing(_open(uri)) as source:
            if start_sample:
                source.begin_at(start_sample)
            for chunk in source:
                yield replace(chunk, start_sample=start_sample + chunk.start_sample)
    except (OSError, ValueError) as error:
        raise AudioError(f"{uri} cannot be read: {error}") from error


class Notes(logging.Handler):
    """What reading files is warned of, kept instead of printed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._messages: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning."""
        self._messages[record.getMessage()] = None

    def about(self, uri: str) -> tuple[str, ...]:
        """Of one file, without its name."""
        return tuple(each.removeprefix(uri).lstrip(": ") for each in self._messages if each.startswith(uri))


@contextmanager
def noted() -> Iterator[Notes]:
    """Keep warnings about files for a while."""
    logger, notes = logging.getLogger("kwsd.audio"), Notes()
    before = logger.propagate
    logger.addHandler(notes)
    logger.propagate = False
    try:
        yield notes
    finally:
        logger.removeHandler(notes)
        logger.propagate = before


def _filesystem(uri: str) -> tuple[Any, str]:
    if "::" in uri and Path(uri).exists():  # a name of this machine that would be taken for one system in another
        return fsspec.filesystem(LOCAL), str(Path(uri).absolute())
    files, path = fsspec.url_to_fs(uri)
    return files, path


def is_local(files: Any) -> bool:
    """Whether a file system of fsspec is that of this machine."""
    return LOCAL in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol)


def address(files: Any, path: str) -> str:
    """A path of this machine as it is, else with its protocol."""
    return path if is_local(files) else str(files.unstrip_protocol(path))


def _open(uri: str) -> SoundSource:
    files, path = _filesystem(uri)
    return FileSource(Path(path)) if is_local(files) else RemoteSource(uri, files, path)


class RemoteSource(SoundSource):
    """A Source over a file of fsspec."""

    def __init__(self, uri: str, files: Any, path: str) -> None:
        """`files` is a file system. Raises AudioError: it holds no sound there, or what it holds cannot be read."""
        self._beneath = RemoteFile(files, files.open(path, "rb"))
        try:
            file = open_sound(uri, self._beneath)
        except AudioError as error:
            self._beneath.close()
            raise self._failure(uri) or error from error
        super().__init__(uri, file)

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks of half a second; AudioError where the file could not be read further."""
        yield from super().__iter__()
        if failure := self._failure(self.name):
            raise failure

    def close(self) -> None:
        """Release the file; iteration ends. Safe to call twice and from another thread."""
        super().close()
        self._beneath.close()

    def _failure(self, uri: str) -> AudioError | None:
        error = self._beneath.error
        return None if error is None else AudioError(f"{uri} cannot be read: {error}")


class RemoteFile(io.RawIOBase):
    """What libsndfile reads of fsspec, which takes whatever goes wrong there for the end of the sound.

    It keeps the file system: that of a packed folder closes the folder when nobody holds it any more.
    """

    error: Exception | None = None
    """What reading has failed of."""

    def __init__(self, files: Any, file: Any) -> None:
        """`file` is an open one of `files`, a file system."""
        self._files = files
        self._file = file

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` as far as there is sound."""
        filled, view = 0, memoryview(buffer).cast("B")
        try:
            while filled < len(view) and (piece := self._file.read(len(view) - filled)):
                view[filled : filled + len(piece)] = piece
                filled += len(piece)
        except Exception as error:  # noqa: BLE001 - of whatever library reads that store
            self.error = error
        return filled

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        place: int = self._file.seek(offset, whence)
        return place

    def tell(self) -> int:
        """At which byte it is."""
        place: int = self._file.tell()
        return place

    def close(self) -> None:
        """Release it. Safe to call twice."""
        self._file.close()
        super().close()
