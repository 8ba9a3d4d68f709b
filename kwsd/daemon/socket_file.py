"""The socket in the file system: one daemon per path, stale files removed, live ones respected."""

import fcntl
import os
import socket
from contextlib import ExitStack
from pathlib import Path

from kwsd.errors import ConfigError, KwsdError

_LONGEST_PATH = 107  # sun_path of unix(7), less its final zero


class SocketFile:
    """A listening Unix socket at a path, ours for as long as this object is open."""

    def __init__(self, path: Path, mode: int, group: int | None = None) -> None:
        """Bind and listen.

        Args:
            path: where; the directory is made if need be.
            mode: permission bits of the socket file, e.g. 0o660; to connect is to write.
            group: group id the file shall belong to.

        Raises:
            KwsdError: another kwsd, or another program, listens there.
            ConfigError: the path cannot be used.
        """
        self.path = path
        _check_length(path)
        try:
            self._open(path, mode, group)
        except OSError as error:
            raise ConfigError(f"socket: {path}: {error.strerror}; give another path with --socket") from None

    def _open(self, path: Path, mode: int, group: int | None) -> None:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with ExitStack() as undo:
            undo.callback(os.close, _lock(path))
            _remove_stale(path)
            self.socket = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            _listen(self.socket, path, mode, group)
            undo.callback(path.unlink, missing_ok=True)
            self._undo = undo.pop_all()

    def close(self) -> None:
        """Stop listening and remove the file. Safe to call twice."""
        self._undo.close()


def _check_length(path: Path) -> None:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ConfigError(f"socket: {path} is longer than {_LONGEST_PATH} bytes; give a shorter path with --socket")


def _lock(path: Path) -> int:
    """Take the lock beside the socket, so that two daemons that start at once cannot remove each other's socket."""
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 32).decode(errors="replace").strip()
        os.close(lock)
        raise _in_use(path, f"another kwsd (process {owner})") from None
    os.truncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _remove_stale(path: Path) -> None:
    """Remove what a killed daemon left. Whoever answers is left alone."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise _in_use(path, "another program")


def _listen(listener: socket.socket, path: Path, mode: int, group: int | None) -> None:
    mask = os.umask(0o177)  # nobody gets in between bind and chmod
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(mask)
    if group is not None:
        os.chown(path, -1, group)
    path.chmod(mode)
    listener.listen()


def _in_use(path: Path, who: str) -> KwsdError:
    return KwsdError(f"{who} listens on {path}; stop it, or give another path with --socket")
