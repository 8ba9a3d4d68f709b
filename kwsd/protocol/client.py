"""`kwsctl`'s end of the socket: one connection, JSON lines out and in."""

import argparse
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from kwsd.errors import KwsdError

Record = dict[str, Any]


class DaemonClient:
    """A connection to a running daemon; `hello` is what it said first."""

    def __init__(self, path: Path) -> None:
        """Connect. Raises KwsdError naming the path and the remedy."""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise KwsdError(
                f"no daemon at {path} ({error.strerror}); start `kwsd --keywords FILE`, or give its --socket PATH"
            ) from None
        self._lines = self._socket.makefile("rb")
        self.hello = self._read()

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> "closing[Self]":
        """The daemon that the arguments mean, for a `with`."""
        return closing(cls(socket_path(arguments)))

    def ask(self, command: str, **fields: Any) -> Record:
        """Give a command; the data of its reply. Raises KwsdError with the daemon's complaint."""
        message = {"command": command, **{name: value for name, value in fields.items() if value is not None}}
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        reply = next(record for record in self.records() if record["type"] == "reply")
        if not reply["ok"]:
            raise KwsdError(f"{command}: {reply['error']}")
        data: Record = reply["data"]
        return data

    def records(self) -> Iterator[Record]:
        """What comes, until the daemon ends."""
        while True:
            yield self._read()

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def _read(self) -> Record:
        try:
            line = self._lines.readline()
        except OSError as error:
            raise KwsdError(f"the connection to the daemon broke: {error.strerror}") from None
        if not line:
            raise KwsdError("the daemon has ended")
        record: Record = json.loads(line)
        return record


def add_socket_argument(parser: argparse.ArgumentParser) -> None:
    """`--socket` and `--config`, as `kwsd` has them."""
    parser.add_argument("--socket", type=Path, metavar="PATH", help="socket of the daemon, if it is not the usual one")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")


def socket_path(arguments: argparse.Namespace) -> Path:
    """Where to look for the daemon: the flag, the settings, this user's daemon, the system's."""
    if arguments.socket is not None:
        path: Path = arguments.socket
        return path
    from kwsd.config import load_settings  # noqa: PLC0415 - pydantic takes time that --socket saves
    from kwsd.protocol.socket_path import find_socket  # noqa: PLC0415 - likewise

    configured = load_settings({}, file=arguments.config).settings.daemon.socket
    return configured.expanduser() if configured else find_socket()
