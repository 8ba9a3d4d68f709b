"""`kwsctl listen`: what the daemon hears, as it hears it."""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from kwsd.outlets.stdout import write_line
from kwsd.protocol.client import DaemonClient, Record, add_socket_argument


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
    """Time of day here, and what matters."""
    return f"{clock(record)}  {_TOLD.get(record['type'], _all_of)(record)}"


def clock(record: Record) -> str:
    """When the record was made, as the clock on the wall shows it."""
    return datetime.fromisoformat(record["time"]).astimezone().strftime("%H:%M:%S")


def _all_of(record: Record) -> str:
    """For records with nothing special about them, and those of a newer daemon."""
    details = (f"{name} {_plain(value)}" for name, value in record.items() if name not in {"type", "time"})
    return f"{record['type']}: {', '.join(details)}".removesuffix(": ")


def _counted(keywords: Sequence[str]) -> str:
    return "1 keyword" if len(keywords) == 1 else f"{len(keywords)} keywords"


def _plain(value: object) -> str:
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _hello(record: Record) -> str:
    microphone = record["microphone"]["name"]
    return f'{record["state"]}: "{microphone}", {_counted(record["keywords"])}, model {record["model"]}'


def _reloaded(record: Record) -> str:
    problems = "; ".join(record["problems"])
    return f"reloaded: {_counted(record['keywords'])}" + (f", lines passed over: {problems}" if problems else "")


_TOLD: dict[str, Callable[[Record], str]] = {
    "hello": _hello,
    "detection": lambda r: f"{r['keyword']}  {r['score']:.2f}",
    "reloaded": _reloaded,
    "reload_failed": lambda r: f"reload_failed: {'; '.join(r['problems'])}",
    "mic_lost": lambda r: f"mic_lost: {r['reason']}",
    "mic_recovered": lambda r: f'mic_recovered: "{r["microphone"]}", after {r["after_s"]:.1f} s',
    "overrun": lambda r: f"overrun: {r['lost_ms']:.0f} ms lost, {r['total_lost_ms']:.0f} ms in all",
    "degraded": lambda r: f"{'degraded' if r['active'] else 'no longer degraded'}: {r['reason']}",
    "dropped": lambda r: f"dropped: {r['n']} events, this reader is too slow",
}
