"""`kwsctl listen`: what the daemon hears, as it hears it."""

import argparse
import json
from typing import Any

from kwsd.cli.daemon_client import DaemonClient, Record, add_socket_argument
from kwsd.cli.printer import write_line


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `listen`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "listen", help="print detections and changes of state", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--json", action="store_true", help="print the records as they come, one per line")
    parser.add_argument("--types", nargs="+", metavar="TYPE", help="only these events; heartbeat and level are extra")
    parser.add_argument("--keywords", nargs="+", metavar="NAME", help="only detections of these")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print until the daemon ends or Ctrl-C."""
    with DaemonClient.of(arguments) as client:
        if arguments.types or arguments.keywords:
            client.ask("subscribe", types=arguments.types, keywords=arguments.keywords)
        show = json_line if arguments.json else human_line
        write_line(show(client.hello))
        for record in client.records():
            write_line(show(record))
    return 0


def json_line(record: Record) -> str:
    """The record itself."""
    return json.dumps(record, ensure_ascii=False)


def human_line(record: Record) -> str:
    """Time of day, type, and what matters."""
    clock = record["time"][11:19]
    match record["type"]:
        case "detection":
            return f"{clock}  {record['keyword']}  {record['score']:.2f}"
        case "reloaded":
            return f"{clock}  reloaded: {len(record['keywords'])} keywords, {len(record['problems'])} lines passed over"
        case "hello":
            microphone, keywords = record["microphone"]["name"], len(record["keywords"])
            return f'{clock}  {record["state"]}: "{microphone}", {keywords} keywords, model {record["model"]}'
    details = (f"{name} {_plain(value)}" for name, value in record.items() if name not in {"type", "time"} and value)
    return f"{clock}  {record['type']}: {', '.join(details)}".removesuffix(": ")


def _plain(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)
