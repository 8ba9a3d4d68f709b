"""`kwsctl listen`, `trace`, `why` and `status`: what the daemon hears, nearly heard, and how it is doing."""

import argparse
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

from kwsd.cli.connect import add_socket_argument, connect
from kwsd.cli.terminal import say
from kwsd.errors import DONE, FAILED
from kwsd.events import Degraded, Detection, MicLevel, MicLost, MicRecovered, NearMiss, Overrun, Reloaded, ReloadFailed
from kwsd.protocol.connection import Record
from kwsd.protocol.messages import Dropped, Hello
from kwsd.why import evidence_of, sentences

logger = logging.getLogger(__name__)

SHOWN_NAMES = 8
LOSSES = {
    "lost_files": "not saved   {} files of sound",
    "skipped_commands": "not run     {} commands, for others still ran",
}


def add_parsers(subparsers: Any) -> None:
    """Declare them."""
    listen = _parser(subparsers, "listen", "print detections and changes of state", run_listen)
    listen.add_argument("--types", nargs="+", metavar="TYPE", help="only these events; heartbeat and level are extra")
    listen.add_argument("--source", metavar="NAME", help="only what is of this [[source]] of the settings")
    listen.add_argument("--keywords", nargs="+", metavar="NAME", help="only detections of these")
    _parser(subparsers, "trace", "print near misses and why they were none", run_trace)
    why = _parser(subparsers, "why", "explain in three sentences why a keyword was heard or not", run_why)
    why.add_argument(
        "event",
        nargs="?",
        type=event_name,
        default="last",
        metavar="EVENT",
        help="as `kwsctl trace` shows it: 17 is a detection, m17 a near miss; last (default) is whichever came last",
    )
    _parser(subparsers, "status", "how the daemon is doing", run_status)


def _parser(subparsers: Any, name: str, what: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = subparsers.add_parser(name, help=what, description=f"{what.capitalize()}.")
    parser.add_argument("--json", action="store_true", help="print what comes as it is, one JSON object per line")
    add_socket_argument(parser)
    parser.set_defaults(run=run)
    return parser


def event_name(text: str) -> str:
    """What `why` calls an event. Raises ArgumentTypeError."""
    if not re.fullmatch(r"last|m?\d{1,15}", text, re.ASCII):
        what = "17 is a detection, m17 a near miss, last whichever came last; `kwsctl trace` shows them"
        raise argparse.ArgumentTypeError(f'"{text}" is no event: {what}')
    return text


def run_listen(arguments: argparse.Namespace) -> int:
    """Print until the daemon ends or Ctrl-C."""
    with connect(arguments) as client:
        if arguments.types or arguments.keywords:
            client.ask("subscribe", types=arguments.types, keywords=arguments.keywords)
        there = client.hello["keywords"]
        for name in arguments.keywords or ():
            if name not in there:
                logger.warning('no keyword is called "%s" now; there are: %s', name, ", ".join(there))
        show = json_line if arguments.json else human_line
        say(show(client.hello))
        for record in client.records():
            if arguments.source in {None, record.get("source")}:
                say(show(record))
    return DONE


def run_trace(arguments: argparse.Namespace) -> int:
    """Print until the daemon ends or Ctrl-C."""
    with connect(arguments) as client:
        client.ask("subscribe", types=[Detection.type, NearMiss.type])
        show = json_line if arguments.json else trace_line
        for record in client.records():
            say(show(record))
    return DONE


def run_why(arguments: argparse.Namespace) -> int:
    """Print what decided one event, the daemon's record of it or three sentences."""
    with connect(arguments) as client:
        record = client.ask("why", event=arguments.event)["event"]
    say(json_line(record) if arguments.json else "\n".join((human_line(record), *why_lines(record))))
    return DONE


def why_lines(record: Record) -> tuple[str, ...]:
    """Three sentences, where the daemon says what decided."""
    if not record.get("why"):
        return ("What decided it is not known.",)
    return sentences(record["keyword"], evidence_of(record["why"]))


def run_status(arguments: argparse.Namespace) -> int:
    """Print it. 0 when the daemon listens, 1 when it does not: good for scripts."""
    with connect(arguments) as client:
        status = client.ask("status")
    say(json_line(status) if arguments.json else "\n".join(status_lines(status)))
    sources = status.get("sources", ())
    fail = [each for each in sources if each["state"] not in {"listening", "muted"} or each["deaf"]]
    return DONE if status["state"] == "listening" and not status.get("deaf") and not fail else FAILED


def status_lines(status: Record) -> Iterator[str]:
    """For a person. What an older daemon does not say is left out."""
    names = status["keywords"]
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    set_by = " set over the socket" if status.get("keywords_from") == "socket" else ""
    sources = status.get("sources", ())
    if not sources:
        yield f'{"deaf" if status.get("deaf") else status["state"]}: "{status["microphone"]["name"]}"'
    for each in sources:
        state = "deaf" if each["deaf"] else each["state"]
        heard = f"{len(each['keywords'])} keywords, {each['detections']} detections, {each['overruns']} overruns"
        yield f'{each["name"]:<11} {state}: "{each["microphone"]["name"]}", {heard}'
    if status["waiting_because"]:
        yield f"waiting     {status['waiting_because']}"
    if status.get("level_because"):
        yield f"level       {status['level_because']}"
    if status["degraded"]:
        yield f"degraded    {status['degraded_because']}"
    yield f"keywords    {len(names)}{set_by}: {', '.join(names[:SHOWN_NAMES])}{more}"
    yield f"model       {status['model']}"
    yield f"up          {status['uptime_s']:.0f} s, {status['stream_time']:.0f} s of sound, process {status['pid']}"
    yield f"heard       {status['detections']} detections, last progress {status['progress_age_s']:.1f} s ago"
    if (gate := status.get("quiet_gate")) and gate["on"]:
        yield f"quiet gate  {'closed' if gate['closed'] else 'open'}, {gate['share']:.0%} of the sound was quiet"
    if gain_db := status.get("gain_db"):
        yield f"gain        {gain_db:.0f} dB, for speech is faint"
    yield f"lost        {status['lost_ms']:.0f} ms in {status['overruns']} overruns, {status['reconnects']} reconnects"
    yield f"reloads     {status['reloads']}, {status['failed_reloads']} failed"
    if status.get("reload_failed_because"):
        yield f"not in force: {status['reload_failed_because']}"
    yield from (told.format(status[name]) for name, told in LOSSES.items() if status.get(name))
    yield f"subscribers {status['subscribers']}, {status['dropped_events']} events dropped"


def json_line(record: Record) -> str:
    """The record itself."""
    return json.dumps(record, ensure_ascii=False)


def human_line(record: Record) -> str:
    """Time of day here, and what matters."""
    source = record.get("source")
    of = f"{source}: " if isinstance(source, str) else ""  # that of hello says more
    return f"{clock(record)}  {of}{_TOLD.get(record['type'], _all_of)(record)}"


def trace_line(record: Record) -> str:
    """As `listen` shows it, and what `why` calls it."""
    mark = "m" if record["type"] == NearMiss.type else ""
    return human_line(record) + (f"  [{mark}{record['id']}]" if record.get("id") else "")


def _near_miss(record: Record) -> str:
    scores = f"{record['score']:.2f}, weakest token {record['min_score']:.2f}"
    return f"({record['keyword']})  {scores}: {record['reason']}"


def clock(record: Record) -> str:
    """When the record was made, as the clock on the wall shows it."""
    return datetime.fromisoformat(record["time"]).astimezone().strftime("%H:%M:%S")


def _all_of(record: Record) -> str:
    """For records with nothing special about them, and those of a newer daemon."""
    given = {name: value for name, value in record.items() if name not in {"type", "time", "source"}}
    details = (f"{n} {'; '.join(map(str, each)) if isinstance(each, list) else each}" for n, each in given.items())
    return f"{record['type']}: {', '.join(details)}".removesuffix(": ")


def _counted(keywords: Sequence[str]) -> str:
    return "1 keyword" if len(keywords) == 1 else f"{len(keywords)} keywords"


def _hello(record: Record) -> str:
    microphone = record["microphone"]["name"]
    return f'{record["state"]}: "{microphone}", {_counted(record["keywords"])}, model {record["model"]}'


def _reloaded(record: Record) -> str:
    problems = "; ".join(record["problems"])
    return f"reloaded: {_counted(record['keywords'])}" + (f", lines passed over: {problems}" if problems else "")


_TOLD: dict[str, Callable[[Record], str]] = {
    Hello.type: _hello,
    Detection.type: lambda r: f"{r['keyword']}  {r['score']:.2f}",
    NearMiss.type: _near_miss,
    Reloaded.type: _reloaded,
    ReloadFailed.type: lambda r: f"reload_failed: {'; '.join(r['problems'])}",
    MicLost.type: lambda r: f"mic_lost: {r['reason']}",
    MicLevel.type: lambda r: f"mic_level: {r['reason']}",
    MicRecovered.type: lambda r: f'mic_recovered: "{r["microphone"]}", after {r["after_s"]:.1f} s',
    Overrun.type: lambda r: f"overrun: {r['lost_ms']:.0f} ms lost, {r['total_lost_ms']:.0f} ms in all",
    Degraded.type: lambda r: f"{'' if r['active'] else 'no longer '}degraded: {r['reason']}",
    Dropped.type: lambda r: f"dropped: {r['n']} events, this reader is too slow",
}
