"""[daemon]: everything about running as a service."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from kwsd.config.section import Section

SYSTEM_SOCKETS = (Path("/run/kwsd.sock"), Path("/run/kwsd/kwsd.sock"))  # by kwsd.socket, by kwsd.service alone


class Service(Section):
    """[daemon]: socket, sound kept, commands run. Only for the daemon: a microphone, or any input with a socket."""

    socket: Path | None = None
    """Where subscribers connect; None is $RUNTIME_DIRECTORY/kwsd.sock, else $XDG_RUNTIME_DIR/kwsd/kwsd.sock."""
    socket_mode: Annotated[str, Field(pattern="^0?[0-7]{3}$")] = "0660"
    """Permissions of the socket, octal. Who may write to it may connect and hear events."""
    socket_group: str | None = None
    """Group that the socket belongs to; None leaves it."""
    command_group: str | None = None
    """Group whose members may give commands, beside root and the daemon's own user."""
    watch_keywords: bool = True
    """Reload when the keyword file changes."""
    backlog_s: Annotated[float, Field(ge=0.5, le=30)] = 2.0
    """Sound of a microphone that may wait to be decoded, seconds; beyond that the oldest is dropped."""
    heartbeat_s: Annotated[float, Field(ge=0.1, le=3600)] = 10.0
    """Seconds between heartbeats, for subscribers to them."""
    exec: str | None = None
    """Command to run for every detection, never through a shell."""
    exec_limit: Annotated[int, Field(ge=1, le=64)] = 4
    """How many of them may run at once; further detections run none."""
    exec_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    """Seconds until one is ended."""
    clips: bool = False
    """Keep the last 10 s of sound in memory for the command `clip`."""
    save_detections: Path | None = None
    """Directory for a WAV file per detection, one of its own."""
    save_limit_mb: Annotated[float, Field(gt=0, le=1e6)] = 100.0
    """Most that its files may take; the oldest go first."""
    save_limit_days: Annotated[float, Field(gt=0, le=36500)] = 30.0
    """Oldest that they may be."""


def default_socket(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where the daemon listens when no socket is set; None where this user has no runtime directory."""
    if environ.get("RUNTIME_DIRECTORY"):
        return Path(environ["RUNTIME_DIRECTORY"].split(":")[0]) / "kwsd.sock"
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return runtime / "kwsd" / "kwsd.sock" if runtime.is_dir() else None


def find_socket(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a client looks when no socket is set: the user's own daemon if it is there, else the system's."""
    own = default_socket(environ)
    candidates = (*([own] if own else []), *SYSTEM_SOCKETS)
    return next((path for path in candidates if path.exists()), candidates[0])
