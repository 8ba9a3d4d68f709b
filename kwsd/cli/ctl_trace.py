"""`kwsctl trace`: near misses with their scores, beside the detections. For finding out why a phrase is not heard."""

import argparse
from typing import Any

from kwsd.cli.ctl_listen import clock, human_line, json_line
from kwsd.outlets.stdout import write_line
from kwsd.protocol.client import DaemonClient, Record, add_socket_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `trace`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "trace", help="print near misses and why they were none", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--json", action="store_true", help="print the records as they come, one per line")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print until the daemon ends or Ctrl-C."""
    with DaemonClient.of(arguments) as client:
        client.ask("subscribe", types=["detection", "near_miss"])
        for record in client.records():
            write_line(json_line(record) if arguments.json else trace_line(record))
    return 0


def trace_line(record: Record) -> str:
    """A near miss with its scores and the reason; a detection as `listen` shows it."""
    if record["type"] != "near_miss":
        return human_line(record)
    scores = f"{record['score']:.2f}, weakest token {record['min_score']:.2f}"
    return f"{clock(record)}  ({record['keyword']})  {scores}: {record['reason']}"
