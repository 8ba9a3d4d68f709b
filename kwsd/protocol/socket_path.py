"""Where the daemon's socket is: the one place that daemon and clients look it up."""

import os
from collections.abc import Mapping
from pathlib import Path

from kwsd.homes import exists, expanded, is_directory

SYSTEM_SOCKETS = (Path("/run/kwsd.sock"), Path("/run/kwsd/kwsd.sock"))  # by kwsd.socket, by kwsd.service alone


def default_socket(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where the daemon listens when no socket is set; None where this user has no runtime directory."""
    if environ.get("RUNTIME_DIRECTORY"):
        return Path(environ["RUNTIME_DIRECTORY"].split(":")[0]) / "kwsd.sock"
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return runtime / "kwsd" / "kwsd.sock" if is_directory(runtime) else None


def find_socket(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a client looks that is not told: $KWSD_DAEMON_SOCKET, the user's own daemon, the system's."""
    if environ.get("KWSD_DAEMON_SOCKET"):
        return expanded(environ["KWSD_DAEMON_SOCKET"])
    own = default_socket(environ)
    candidates = (*([own] if own else []), *SYSTEM_SOCKETS)
    return next((path for path in candidates if exists(path)), candidates[0])
