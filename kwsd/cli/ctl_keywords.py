"""`kwsctl keywords`: list the keywords in force, or change them until the next reload."""

import argparse
from typing import Any

from kwsd.protocol.client import DaemonClient, add_socket_argument

EPILOG = """\
examples:
  kwsctl keywords                                  list them
  kwsctl keywords --set "lights on" "lights off"   listen for these two instead
  kwsctl keywords --threshold 0.5                  make all of them stricter
  kwsctl keywords --threshold 0.2 --keyword "lights on"
The keyword file is not touched: `kwsctl reload` brings it back."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `keywords`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "keywords",
        help="list or change the keywords in force",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--set", nargs="+", metavar="PHRASE", help="listen for these instead")
    what.add_argument("--threshold", type=float, metavar="X", help="score that fires, 0 to 1")
    parser.add_argument("--keyword", metavar="NAME", help="with --threshold: only for this one")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Change what is to be changed, and print the names concerned."""
    with DaemonClient.of(arguments) as client:
        if arguments.set:
            names = client.ask("set_keywords", keywords=arguments.set)["keywords"]
        elif arguments.threshold is not None:
            change = {"threshold": arguments.threshold, "keyword": arguments.keyword}
            names = client.ask("set_threshold", **change)["keywords"]
        else:
            names = client.hello["keywords"]
    print("\n".join(names))
    return 0
