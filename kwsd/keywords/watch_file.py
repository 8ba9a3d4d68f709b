"""Notices that a file, or one that it names, has other content, however it came by it.

Written in place, renamed over, a link or a directory above it exchanged, gone and made anew: one question, asked
twice a second, which costs a microsecond each time. Being told by the kernel instead means to watch whatever a path
leads through, all of which may be exchanged, and it tells nothing on network file systems.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from kwsd.small_files import read_small

LOOK_S = 0.5


class FileWatch:
    """One file, and those that it names. Links are followed, and what they lead to counts."""

    def __init__(self, path: Path, named: Callable[[Path], Sequence[Path]] = lambda _: ()) -> None:
        """`named` gives the other files, and is asked again whenever one of them has changed."""
        self._path, self._named = path, named
        self._paths = (path, *named(path))
        self._seen = self._signature()
        self._settled = True

    def new_digest(self) -> str | None:
        """`content_digest` where something has been done to the file, else None. To be asked every LOOK_S.

        It is told once the file has stayed the same from one look to the next: an editor writes in several steps.
        """
        signature = self._signature()
        if signature != self._seen:
            self._seen, self._settled = signature, False
            return None
        if self._settled:
            return None
        self._settled = True
        self._paths = (self._path, *self._named(self._path))
        self._seen = self._signature()
        return content_digest(*self._paths)

    def _signature(self) -> tuple[tuple[int, ...], ...]:
        return tuple(signature(path) for path in self._paths)


def signature(path: Path) -> tuple[int, ...]:
    """Another one where something has been done to the file; empty where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):  # ValueError: a zero byte in the path
        return ()
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def content_digest(path: Path, *others: Path) -> str:
    """Of a regular file's content, and of others; for anything else, a text that no file gives."""
    if others:
        return hashlib.sha256("\n".join(map(content_digest, (path, *others))).encode()).hexdigest()
    try:
        return hashlib.sha256(read_small(path)).hexdigest()
    except (OSError, ValueError) as error:
        return f"unreadable: {error}"


async def watch(path: Path, changed: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `changed` whenever the file has other content, until `stop` is set."""
    file, told = FileWatch(path), content_digest(path)
    while not stop.is_set():
        await asyncio.sleep(LOOK_S)
        digest = file.new_digest()
        if digest not in {None, told}:
            told = digest or ""
            changed()
