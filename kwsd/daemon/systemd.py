"""The tie to systemd: sd_notify(3), the watchdog, and sockets handed over. Does nothing when not run by systemd."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from kwsd.errors import ConfigError
from kwsd.records import printable

_FIRST_FD = 3  # SD_LISTEN_FDS_START
_DIGITS = 20  # of a 64-bit number


class Notifier:
    """Tells the service manager how things are, over one socket: later there may be no file left to open."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Raises ConfigError when NOTIFY_SOCKET is set to something that cannot be a socket."""
        meant_for, interval_us = environment.get("WATCHDOG_PID"), environment.get("WATCHDOG_USEC", "")
        is_number = interval_us.isdecimal() and len(interval_us) <= _DIGITS
        is_ours = meant_for in {None, str(os.getpid())} and is_number and int(interval_us) > 0
        self.watchdog_s = int(interval_us) / 1_000_000 if is_ours else None
        """How often, in seconds, the manager wants to hear of progress; None when it does not."""
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def send(self, **fields: str | int) -> None:
        """Send fields such as READY=1 and STATUS="listening". A manager that is gone is no reason to stop."""
        if self._address is None:
            return
        message = "\n".join(f"{key}={printable(str(value))}" for key, value in fields.items())
        with suppress(OSError):
            self._socket.sendto(message.encode(), self._address)

    def close(self) -> None:
        """Tell nothing more."""
        if self._address is not None:
            self._socket.close()
            self._address = None


def _address(value: str) -> str | None:
    if not value:
        return None
    if value[0] not in "/@":
        raise ConfigError(f"NOTIFY_SOCKET={value} is neither a path nor an abstract socket; unset it")
    return "\0" + value[1:] if value[0] == "@" else value


def inherited_socket(environment: Mapping[str, str] = os.environ) -> socket.socket | None:
    """The listening Unix socket that systemd opened for us (sd_listen_fds(3)), if it did.

    Raises:
        ConfigError: what was handed over is no listening Unix stream socket.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()) or environment.get("LISTEN_FDS", "0") == "0":
        return None
    try:
        handed = socket.socket(fileno=_FIRST_FD)
        listening = handed.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ConfigError(f"LISTEN_FDS: descriptor {_FIRST_FD} is no socket: {error.strerror}") from None
    if handed.family != socket.AF_UNIX or handed.type != socket.SOCK_STREAM or not listening:
        raise ConfigError("LISTEN_FDS: want a ListenStream= with a path, nothing else, in the socket unit")
    handed.setblocking(False)
    handed.set_inheritable(False)
    return handed
