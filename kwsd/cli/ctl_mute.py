"""`kwsctl mute`: close the daemon's microphone."""

import argparse
from typing import Any

from kwsd.protocol.client import DaemonClient, add_socket_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `mute`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "mute", help="close the daemon's microphone", description=(__doc__ or "").splitlines()[0]
    )
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do it; done when this returns."""
    with DaemonClient.of(arguments) as client:
        client.ask("mute")
    print("the microphone is closed")
    return 0
