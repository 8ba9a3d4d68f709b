"""Where a program is in the daemon's events, so that after a break it goes on without a gap or a repeat."""

import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from kwsd.homes import expanded
from kwsd.protocol.connection import TIMEOUT_S, DaemonConnection, NoDaemonError, Record
from kwsd.protocol.socket_path import find_socket

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0


class Following:
    """Where a client is in the daemon's events, and what it wants of them: what both kinds of client share."""

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        types: Sequence[str] | None = None,
        keywords: Sequence[str] | None = None,
        since: tuple[str, int] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Nothing is connected yet.

        Args:
            path: the daemon's socket; None is this user's, else the system's.
            types: of the events wanted; None means all but the optional ones.
            keywords: names of those whose detections are wanted; None means all.
            since: what `position` was, in an earlier run of the program; None begins now, or with a daemon that comes.
            timeout_s: how long the daemon may take to answer.
        """
        self._path = None if path is None else expanded(path)
        self.hello: Record = {}
        """What the daemon said first, when it was last there."""
        self.position = since
        """Run of the daemon and number of the last event; None where it does not count them yet."""
        self._wanted = {"types": types and list(types), "keywords": keywords and list(keywords)}
        self._timeout_s = timeout_s
        self._pause_s = FIRST_PAUSE_S
        self._why_not = ""

    @property
    def path(self) -> Path:
        """Where the daemon is looked for."""
        return self._path or find_socket()

    def _begin(self, hello: Record) -> Record:
        """What to subscribe to on a new connection. An older daemon knows nothing of `since`."""
        was_there = not self.hello and not self._why_not  # before us, so what it has told is not for us
        self.hello, self._pause_s, self._why_not = hello, FIRST_PAUSE_S, ""
        wanted = {name: value for name, value in self._wanted.items() if value is not None}
        if not hello.get("run"):
            self.position = None
            return wanted
        if self.position is None:
            self.position = (hello["run"], hello["seq"] if was_there else 0)
        run, seq = self.position
        return {**wanted, "run": run, "since": seq}

    def _take(self, record: Record) -> None:
        """It has come: the next connection begins behind it."""
        if self.hello.get("run") and "seq" in record:
            self.position = (self.hello["run"], record["seq"])

    def _wait_s(self, reason: NoDaemonError | OSError) -> float:
        """How long to wait for the daemon; the reason is logged once."""
        why_not = (
            str(reason)
            if isinstance(reason, NoDaemonError)
            else f"no daemon at {self.path}: {reason.strerror or 'no answer'}"
        )
        if why_not != self._why_not:
            logger.info("%s; trying again", why_not)
        self._why_not = why_not
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        return pause_s

    def _ask(self, command: str, fields: Record) -> Record:
        with closing(DaemonConnection(self.path, self._timeout_s)) as connection:
            return connection.ask(command, **fields)
