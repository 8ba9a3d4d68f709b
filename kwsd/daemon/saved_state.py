"""What outlives a restart: muted or not, and what a program set over the socket. In a private file, written whole."""

import hashlib
import json
import logging
import os
import stat
import threading
from collections.abc import Mapping
from dataclasses import asdict, field, replace
from pathlib import Path
from typing import Any

from kwsd.daemon.background import in_background
from kwsd.errors import KwsdError
from kwsd.homes import state_directory
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_json, write_private

logger = logging.getLogger(__name__)

LARGEST_BYTES = 4 << 20
EVERY_KEYWORD = ""
"""The label under which the threshold of all keywords is kept."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was asked for over the socket."""

    muted: bool = False
    keywords: tuple[Keyword, ...] | None = None
    """None where the keyword file's are in force."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Label → threshold, put over those of the keywords; the latest of one label holds."""
    file_digest: str = ""
    """Of the keyword file when these were set: once it has other content, the file is the newer."""

    @property
    def overrides_file(self) -> bool:
        """Whether anything but the keyword file's own list is in force."""
        return self.keywords is not None or bool(self.thresholds)


class StateFile:
    """Keeps Saved in a file; without a place for it, in memory."""

    def __init__(self, path: Path | None) -> None:
        self.now = Saved()
        self._path = path
        self._complained = False
        self._writing = threading.Lock()
        if path is not None:
            self._read(path)

    def change_at_start(self, **fields: Any) -> None:
        """`change` while there is nobody yet who would have to wait for the disk."""
        self.now = replace(self.now, **fields)
        self._write()

    async def change(self, **fields: Any) -> None:
        """Replace some of it, for good."""
        self.now = replace(self.now, **fields)
        await in_background(self._write)

    def _write(self) -> None:
        """A disk that does not take it is said once: what was asked for then holds until kwsd ends."""
        if self._path is None:
            return
        try:
            with self._writing:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_private(self._path, json.dumps(asdict(self.now)))
        except OSError as error:
            if not self._complained:
                logger.warning(
                    "%s: cannot be written (%s): what is set holds until kwsd ends", self._path, error.strerror
                )
            self._complained = True

    def _read(self, path: Path) -> None:
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        except OSError as error:
            logger.warning("%s: cannot be read (%s): starting as the settings say", path, error.strerror)
            return
        try:
            found = os.fstat(file)
            whole = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and found.st_size <= LARGEST_BYTES
            text = os.read(file, LARGEST_BYTES) if whole else b""
        finally:
            os.close(file)
        try:
            fields = parse_json(text)
            keywords = fields["keywords"]
            if keywords is not None:
                keywords = tuple(Keyword(**{**each, "spellings": tuple(each["spellings"])}) for each in keywords)
            self.now = Saved(
                muted=bool(fields["muted"]),
                keywords=keywords,
                thresholds={str(label): float(value) for label, value in fields["thresholds"].items()},
                file_digest=str(fields["file_digest"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, KwsdError):
            logger.warning("%s: is not what kwsd writes: starting as the settings say; remove it", path)


def state_path(socket: Path, source: str = "") -> Path | None:
    """Where the daemon of a socket keeps the state of a source; None where nobody knows a place."""
    named = f"\0{source}".encode() if source else b""
    who = hashlib.sha256(os.fsencode(socket.absolute()) + named).hexdigest()[:16]
    home = state_directory()
    return home / f"state-{who}.json" if home else None
