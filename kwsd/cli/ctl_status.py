"""`kwsctl status`: how the daemon is doing."""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from kwsd.protocol.client import DaemonClient, Record, add_socket_argument


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `status`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "status", help="how the daemon is doing", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Print it. 0 when the daemon listens, 1 when it does not: good for scripts."""
    with DaemonClient.of(arguments) as client:
        status = client.ask("status")
    print(json.dumps(status, ensure_ascii=False) if arguments.json else "\n".join(_lines(status)))
    return 0 if status["state"] == "listening" else 1


def _lines(status: Record) -> Iterator[str]:
    microphone = status["microphone"]["name"]
    yield f'{status["state"]}: "{microphone}"'
    if status["waiting_because"]:
        yield f"waiting     {status['waiting_because']}"
    if status["degraded"]:
        yield f"degraded    {status['degraded_because']}"
    yield f"keywords    {len(status['keywords'])}: {', '.join(status['keywords'][:8])}"
    yield f"model       {status['model']}"
    yield f"up          {status['uptime_s']:.0f} s, {status['stream_time']:.0f} s of sound, process {status['pid']}"
    yield f"heard       {status['detections']} detections, last progress {status['progress_age_s']:.1f} s ago"
    yield f"lost        {status['lost_ms']:.0f} ms in {status['overruns']} overruns, {status['reconnects']} reconnects"
    yield f"reloads     {status['reloads']}, {status['failed_reloads']} failed"
    yield f"subscribers {status['subscribers']}, {status['dropped_events']} events dropped"
