"""Who is at the other end of a Unix socket, as the kernel vouches for it, and what they may do."""

import grp
import os
import socket
import struct

from kwsd.errors import ConfigError
from kwsd.quick_dataclass import dataclass

_SO_PEERGROUPS = 59  # linux/socket.h; Python's socket module does not name it
_CREDENTIALS = struct.Struct("3i")
_MOST_GROUPS = 65536  # NGROUPS_MAX


@dataclass(frozen=True, slots=True)
class Peer:
    """A process at the other end, as it was when it connected."""

    pid: int
    uid: int
    groups: frozenset[int]
    """Its group and its supplementary groups."""

    @classmethod
    def of(cls, connection: socket.socket) -> "Peer":
        """Ask the kernel (SO_PEERCRED, SO_PEERGROUPS)."""
        pid, uid, gid = _CREDENTIALS.unpack(
            connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        )
        try:
            packed = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
        except OSError:  # a kernel before 4.13
            packed = b""
        return cls(pid, uid, frozenset({gid, *struct.unpack(f"{len(packed) // 4}I", packed)}))


def may_change(peer: Peer, group: int | None) -> bool:
    """Whether a peer may give commands that change something: root, the daemon's own user, members of `group`."""
    return peer.uid in {0, os.geteuid()} or group in peer.groups


def group_id(name: str, setting: str) -> int:
    """Group name (or number) → group id. Raises ConfigError naming the setting."""
    if name.isdecimal():
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f'{setting}: there is no group "{name}"; `getent group` lists the groups') from None
