"""Where subscribers come in: a socket that systemd handed over, or a file of our own, one daemon per path."""

import errno
import fcntl
import logging
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from kwsd.config.settings import Service
from kwsd.daemon.systemd import inherited_socket
from kwsd.errors import ConfigError, KwsdError, reason
from kwsd.outlets.peer import group_id
from kwsd.protocol.socket_path import default_socket

logger = logging.getLogger(__name__)

_PASSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EMFILE, errno.ENFILE})  # no setting is wrong
_LONGEST_PATH = 107  # sun_path of unix(7), less its final zero


class ListenSocket:
    """A listening Unix socket, ours for as long as this object is open."""

    def __init__(self, listener: socket.socket, file: "SocketFile | None" = None) -> None:
        self.listener = listener
        self._file = file
        """Set when the socket is ours to remove."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(os.fsdecode(self.listener.getsockname()))

    @classmethod
    def open(cls, settings: Service) -> "ListenSocket | None":
        """Bind the socket of the settings; None where there is no place for one. It is what a second instance fails on.

        Raises:
            KwsdError: another kwsd listens there.
            ConfigError: the path or group cannot be used.
        """
        handed_over = inherited_socket()
        if handed_over is not None:
            return cls(handed_over)
        path = settings.socket or default_socket()
        if path is None:
            logger.warning("no socket: XDG_RUNTIME_DIR names no directory; give --socket PATH to let programs listen")
            return None
        group = None if settings.socket_group is None else group_id(settings.socket_group, "socket_group")
        file = SocketFile(path, int(settings.socket_mode, 8), group)
        logger.info("subscribers may connect to %s", file.path)
        return cls(file.socket, file)

    def renewed(self) -> bool:
        """Whether `listener` is another now, because somebody had removed the file."""
        if self._file is None or not self._file.renew():
            return False
        self.listener = self._file.socket
        return True

    def close(self) -> None:
        """Let nobody in any more; a file that systemd keeps open for the next run is left as it is."""
        if self._file is not None:
            self._file.close()
        else:
            self.listener.close()


class SocketFile:
    """The socket in the file system: stale files removed, live ones respected."""

    def __init__(self, path: Path, mode: int, group: int | None = None) -> None:
        """Bind and listen.

        Args:
            path: where; the directory is made if need be.
            mode: permission bits of the socket file, e.g. 0o660; to connect is to write.
            group: group id the file shall belong to.

        Raises:
            KwsdError: another kwsd, or another program, listens there, or there is no room for it now.
            ConfigError: the path cannot be used.
        """
        self.path = path
        self._mode, self._group = mode, group
        self._lock: int | None = None
        self._complained = False
        self._strange: tuple[int, int] | None = None  # what somebody has put in its place
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise ConfigError(f"socket: {path} is longer than {_LONGEST_PATH} bytes; give a shorter path with --socket")
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._lock = _lock(path)
            self._listen()
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            self._unlock()
            why = f"socket: {path}: {reason(error)}"
            if getattr(error, "errno", None) in _PASSES:
                raise KwsdError(f"{why}; make room there (df -h, df -i), or give another path with --socket") from None
            raise ConfigError(f"{why}; give another path with --socket") from None
        except KwsdError:
            self._unlock()
            raise

    def renew(self) -> bool:
        """Make the file anew if it is gone; whether that was so. What another put there stays, and is told once."""
        there = self._inode()
        if there is not None and there in {self._made, self._strange}:
            return False
        old = self.socket
        try:
            self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._listen()
        except (OSError, KwsdError) as error:
            if not self._complained or there is not None:
                why = reason(error)
                logger.warning("%s was removed and cannot be made anew, nobody can connect: %s", self.path, why)
            self._complained, self._strange = True, there
            return False
        old.close()
        self._complained = False
        logger.warning("%s was removed by somebody, and is made anew", self.path)
        return True

    def close(self) -> None:
        """Stop listening and remove the file. Safe to call twice."""
        if self._lock is not None or self.socket.fileno() >= 0:
            if self._inode() == self._made:
                self.path.unlink(missing_ok=True)
            self.socket.close()
            self._unlock()

    def _listen(self) -> None:
        _remove_stale(self.path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            mask = os.umask(0o777 & ~self._mode)  # no chmod afterwards, which would follow a link put in its place
            try:
                listener.bind(os.fspath(self.path))
            finally:
                os.umask(mask)
            if self._group is not None:
                os.chown(self.path, -1, self._group, follow_symlinks=False)
            listener.listen()
        except OSError:
            listener.close()
            raise
        self.socket, self._made = listener, self._inode()

    def _inode(self) -> tuple[int, int] | None:
        with suppress(OSError):
            found = self.path.lstat()
            return found.st_dev, found.st_ino
        return None

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _lock(path: Path) -> int | None:
    """Take the lock beside the socket, so that two daemons that start at once cannot remove each other's socket.

    Nobody else may hold it, or lead it elsewhere: a file that is not ours alone is made anew, and where that cannot be,
    as in a directory that all may write to, it goes without a lock.
    """
    place = Path(f"{path}.lock")
    for _ in range(2):
        try:
            lock = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
        except OSError as error:
            if not place.is_symlink() and not place.exists():
                raise
            logger.debug("%s: %s", place, error.strerror)
            lock = None
        if lock is not None:
            found = os.fstat(lock)
            ours_alone = found.st_uid == os.geteuid() and found.st_nlink == 1 and not found.st_mode & 0o077
            if stat.S_ISREG(found.st_mode) and ours_alone:
                return _locked(lock, path)
            os.close(lock)
        with suppress(OSError):
            place.unlink()
    logger.warning("%s is somebody else's: starting without a lock; remove it", place)
    return None


def _locked(lock: int, path: Path) -> int:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.read(lock, 32).decode(errors="replace").strip()
        os.close(lock)
        raise _in_use(path, f"another kwsd (process {owner})") from None
    with suppress(OSError):  # of a full disk: it is for the message of another kwsd alone
        os.truncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _remove_stale(path: Path) -> None:
    """Remove what a killed daemon left. Whoever answers, and whatever is no socket, is left alone."""
    if not path.is_socket():
        if path.is_dir():
            raise ConfigError(f"socket: {path} is a directory; name a file in it: --socket {path / 'kwsd.sock'}")
        if os.path.lexists(path):
            raise ConfigError(f"socket: {path} is there already and is no socket; give another path with --socket")
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)  # one that is busy has a full queue, and is alive
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
        except BlockingIOError:
            raise _in_use(path, "another program") from None
        else:
            raise _in_use(path, "another program")


def _in_use(path: Path, who: str) -> KwsdError:
    return KwsdError(f"{who} listens on {path}; stop it, or give another path with --socket")
