"""A program's end of the socket: JSON lines out and in, nothing that waits for ever without being asked to."""

import errno
import json
import socket
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from kwsd.protocol.messages import PROTOCOL, Hello, Reply

Record = dict[str, Any]

TIMEOUT_S = 5.0
LONGEST_LINE = 4 << 20  # bytes: a clip of 10 s in base64 takes 0.4 MB
_RETRY_S = 0.05
_HELD: dict[str, dict[str, type]] = {
    "": {"type": str},
    Hello.type: {"protocol": int, "keywords": list, "microphone": dict, "model": str, "state": str},
    Reply.type: {"ok": bool},
}
"""What is relied upon, by type; a daemon may say more."""
ELSEWHERE = "or say where it listens: --socket PATH, or KWSD_DAEMON_SOCKET"


class NoDaemonError(KwsdError):
    """There is no daemon at the socket, it may not be spoken to, or it does not answer. The message has the remedy."""


class DaemonConnection:
    """A connection to a running daemon; `hello` is what it said first. For use by one thread."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        """Connect, within `timeout_s`. Raises NoDaemonError, which names the path, the reason and the remedy."""
        self.path = path
        self._timeout_s = timeout_s
        self._received = bytearray()
        self._events: deque[Record] = deque()
        self._asked = 0
        deadline_s = time.monotonic() + timeout_s
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._connect(deadline_s)
            self.hello = self._receive(deadline_s)
            check_hello(self.hello, path)
        except BaseException:
            self.close()
            raise

    def ask(self, command: str, *, timeout_s: float | None = None, **fields: Any) -> Record:
        """Give a command; the data of its reply. Fields that are None are left out.

        Raises:
            KwsdError: the daemon's complaint, or that no reply came within `timeout_s`.
        """
        self._asked += 1
        given = {name: value for name, value in fields.items() if value is not None}
        line = json.dumps({"command": command, "request_id": self._asked, **given}).encode() + b"\n"
        deadline_s = time.monotonic() + (timeout_s or self._timeout_s)
        try:
            self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
            self._socket.sendall(line)
        except TimeoutError:
            raise self._silent() from None
        except OSError as error:
            raise NoDaemonError(f"the connection to the daemon at {self.path} broke: {error.strerror}") from None
        while (record := self._receive(deadline_s)).get("request_id") != self._asked or record["type"] != Reply.type:
            if record["type"] != Reply.type:
                self._events.append(record)
        if not record["ok"]:
            raise KwsdError(f"{command}: {record.get('error')}")
        data = record.get("data")
        return data if isinstance(data, dict) else {}

    def subscribe(self, **fields: Any) -> Record:
        """Choose what is sent; the data of the reply. With `since`, what came before it comes again behind it."""
        told = self.ask("subscribe", **fields)
        if "since" in fields:
            self._events.clear()
        return told

    def records(self, timeout_s: float | None = None) -> Iterator[Record]:
        """What comes, for as long as the daemon runs; then, or where nothing comes in that time, NoDaemonError."""
        while True:
            deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
            yield self._events.popleft() if self._events else self._receive(deadline_s)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _connect(self, deadline_s: float) -> None:
        while True:
            try:
                self._socket.settimeout(max(0.001, deadline_s - time.monotonic()))
                return self._socket.connect(str(self.path))
            except BlockingIOError:  # more connections wait there than the daemon takes
                if time.monotonic() > deadline_s:
                    raise self._silent() from None
                time.sleep(_RETRY_S)
            except TimeoutError:
                raise self._silent() from None
            except (OSError, ValueError) as error:
                raise NoDaemonError(self._why_not(error)) from None

    def _why_not(self, error: OSError | ValueError) -> str:
        match getattr(error, "errno", None):
            case errno.EACCES | errno.EPERM:
                return (
                    f"the daemon's socket {self.path} is not for this user (Permission denied): join the group that "
                    f"`ls -l {self.path}` shows, or use sudo"
                )
            case errno.ENOENT:
                return f"no daemon at {self.path} (no such file); start `kwsd --keywords FILE`, {ELSEWHERE}"
            case errno.ECONNREFUSED if not self.path.is_socket():
                return f"{self.path} is {'a directory' if self.path.is_dir() else 'no socket'}; {ELSEWHERE}"
            case errno.ECONNREFUSED:
                return f"no daemon listens at {self.path} any more; start `kwsd --keywords FILE`, {ELSEWHERE}"
        return f"{self.path}: cannot be connected to ({getattr(error, 'strerror', None) or error}); {ELSEWHERE}"

    def _receive(self, deadline_s: float | None) -> Record:
        """The next record, before the deadline."""
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if searched > LONGEST_LINE:
                raise NoDaemonError(f"what answers at {self.path} is no kwsd: its line does not end; {ELSEWHERE}")
            try:
                self._socket.settimeout(None if deadline_s is None else max(0.001, deadline_s - time.monotonic()))
                piece = self._socket.recv(1 << 16)
            except TimeoutError:
                raise self._silent() from None
            except OSError as error:
                raise NoDaemonError(f"the connection to the daemon at {self.path} broke: {error.strerror}") from None
            if not piece:
                raise NoDaemonError(f"the daemon at {self.path} has ended")
            self._received += piece
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return record_of(line, self.path)

    def _silent(self) -> NoDaemonError:
        return NoDaemonError(
            f"the daemon at {self.path} does not answer within {self._timeout_s:g} s; is it stopped or swapped out? "
            f"`systemctl status kwsd` or its log tells; --timeout S waits longer"
        )


def record_of(line: bytes, path: Path) -> Record:
    """A line of the daemon at `path`. Raises NoDaemonError: it is none of kwsd's."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or not all(
        isinstance(record.get(name), kind) for name, kind in _HELD.get(str(record.get("type")), _HELD[""]).items()
    ):
        raise NoDaemonError(f"what answers at {path} is no kwsd: it says {line[:40]!r}; {ELSEWHERE}")
    return record


def check_hello(first: Record, path: Path) -> None:
    """Raises NoDaemonError: the first record of a connection is no hello that we understand."""
    if first["type"] == Reply.type:  # all connections are taken
        raise NoDaemonError(f"the daemon at {path} refuses: {first.get('error')}")
    if first["type"] != Hello.type or first.get("protocol") != PROTOCOL:
        raise NoDaemonError(f"the daemon at {path} speaks another protocol; install the same version of kwsd")
