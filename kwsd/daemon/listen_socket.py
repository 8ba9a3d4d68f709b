"""Where subscribers come in: a socket that systemd handed over, or one of our own."""

import logging
import socket
from dataclasses import dataclass

from kwsd.config.settings import Service
from kwsd.daemon.socket_file import SocketFile
from kwsd.daemon.systemd import inherited_socket
from kwsd.outlets.peer import group_id
from kwsd.protocol.socket_path import default_socket

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket, or none."""

    socket: socket.socket | None
    file: SocketFile | None = None
    """Set when the socket is ours to remove."""

    @classmethod
    def open(cls, settings: Service) -> "Door":
        """Bind the socket of the settings. To be done first: it is what a second instance fails on.

        Raises:
            KwsdError: another kwsd listens there.
            ConfigError: the path or group cannot be used.
        """
        handed_over = inherited_socket()
        if handed_over is not None:
            return cls(handed_over)
        path = settings.socket or default_socket()
        if path is None:
            logger.warning("no socket: XDG_RUNTIME_DIR is not set; give --socket PATH to let programs listen")
            return cls(None)
        group = None if settings.socket_group is None else group_id(settings.socket_group, "socket_group")
        file = SocketFile(path.expanduser(), int(settings.socket_mode, 8), group)
        logger.info("subscribers may connect to %s", file.path)
        return cls(file.socket, file)

    def close(self) -> None:
        """Let nobody in any more; a socket that systemd keeps open for the next run is left as it is."""
        if self.file is not None:
            self.file.close()
        elif self.socket is not None:
            self.socket.close()
