"""`kwsctl metrics`: the daemon's state and counters for Prometheus."""

import argparse
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from kwsd import limits
from kwsd.cli.arguments import number_in
from kwsd.cli.connect import add_socket_argument, socket_of
from kwsd.cli.exit_codes import require_extra
from kwsd.errors import KwsdError

EPILOG = """\
examples:
  kwsctl metrics                                           print them once
  kwsctl metrics --textfile /var/lib/node_exporter/kwsd.prom   for node_exporter's textfile collector, by a timer
  kwsctl metrics --http 9777                               answer scrapes at http://127.0.0.1:9777/metrics
Needs the extra: pip install 'kwsd[metrics]'. A dashboard and alert rules: docs/bridges/metrics.md."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `metrics`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "metrics",
        help="state and counters for Prometheus",
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--textfile", type=Path, metavar="FILE.prom", help="write them there, whole or not at all")
    where.add_argument(
        "--http",
        type=number_in(limits.PORT, int),
        metavar="PORT",
        help="answer scrapes on this port of 127.0.0.1 until Ctrl-C",
    )
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print, write or serve them. 1 when there is no daemon, of which a file and a scrape tell as well (kwsd_up 0)."""
    require_extra("metrics", ["prometheus_client"])
    from kwsd.bridges.metrics import metrics_text, serve_http, write_textfile  # noqa: PLC0415 - the extra may be missing
    from kwsd.protocol.client import Client  # noqa: PLC0415 - brings asyncio

    ask = partial(Client(socket_of(arguments), timeout_s=arguments.timeout).ask, "status")
    if arguments.http is not None:
        _, port = serve_http(arguments.http, ask)
        print(f"http://127.0.0.1:{port}/metrics", flush=True)
        while True:
            time.sleep(3600)
    if arguments.textfile is None:
        status = ask()
        sys.stdout.write(metrics_text(lambda: status).decode())
        return 0
    write_textfile(arguments.textfile, metrics_text(ask))
    try:
        ask()
    except KwsdError as error:
        raise KwsdError(f"{arguments.textfile} says so: {error}") from None
    return 0
