"""`kwsctl unmute`: open the daemon's microphone again."""

import argparse
from typing import Any

from kwsd.protocol.client import DaemonClient, add_socket_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `unmute`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "unmute", help="open the daemon's microphone again", description=(__doc__ or "").splitlines()[0]
    )
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do it; done when this returns."""
    with DaemonClient.of(arguments) as client:
        client.ask("unmute")
    print("unmuted")
    return 0
