"""How a command finds the daemon: `--socket`, `--config` and `--timeout`."""

import argparse
import logging
import os
import time
from contextlib import closing, suppress
from pathlib import Path

from kwsd import limits
from kwsd.cli.arguments import number_in
from kwsd.errors import KwsdError
from kwsd.protocol.connection import TIMEOUT_S, DaemonConnection

logger = logging.getLogger(__name__)

PATIENCE_S, LOOKS_EVERY_S = 300.0, 0.5


def add_socket_argument(parser: argparse.ArgumentParser) -> None:
    """What every command has that talks to the daemon."""
    parser.add_argument("--socket", type=Path, metavar="PATH", help="socket of the daemon, if it is not the usual one")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    parser.add_argument(
        "--timeout",
        type=number_in(limits.TIMEOUT_S),
        default=TIMEOUT_S,
        metavar="S",
        help="seconds to wait for it (default: %(default)g)",
    )


def connect(arguments: argparse.Namespace) -> closing[DaemonConnection]:
    """The daemon that the arguments mean, for a `with`. Raises NoDaemonError."""
    return closing(DaemonConnection(socket_of(arguments), arguments.timeout))


def socket_of(arguments: argparse.Namespace) -> Path:
    """The flag, the settings, this user's daemon, the system's."""
    if arguments.socket is not None:
        path: Path = arguments.socket
        return path
    from kwsd.config import load_settings  # noqa: PLC0415 - --socket does without
    from kwsd.protocol.socket_path import find_socket  # noqa: PLC0415 - likewise

    configured = load_settings({}, file=arguments.config).settings.daemon.socket
    return configured or find_socket()


def path_of_daemon(arguments: argparse.Namespace, name: str) -> Path | None:
    """A path in the status of a running daemon; None where there is none, or its socket is neither ours nor root's."""
    try:
        if socket_of(arguments).stat().st_uid not in {os.geteuid(), 0}:
            return None
        with connect(arguments) as client:
            told = client.ask("status").get(name)
    except (OSError, KwsdError):
        return None
    return Path(told) if told else None


def wait_for_daemon(arguments: argparse.Namespace, gone: KwsdError, kept: str) -> None:
    """Until it listens again. Raises `gone` where it takes too long."""
    logger.warning("%s; %s, and this goes on as soon as it listens", gone, kept)
    gives_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < gives_up_s:
        with suppress(KwsdError), connect(arguments) as client:
            if client.ask("status")["state"] == "listening":
                return
        time.sleep(LOOKS_EVERY_S)
    raise KwsdError(f"{gone}; {kept}: the same command goes on with them, once the daemon listens")
