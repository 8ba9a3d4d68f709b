"""`kwsctl reload`: have the daemon read its keyword file again."""

import argparse
from typing import Any

from kwsd.protocol.client import DaemonClient, add_socket_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `reload`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "reload", help="read the keyword file again", description=(__doc__ or "").splitlines()[0]
    )
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Say how many keywords are in force now."""
    with DaemonClient.of(arguments) as client:
        print(f"keywords in force: {len(client.ask('reload')['keywords'])}")
    return 0
