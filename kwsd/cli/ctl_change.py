"""`kwsctl mute`, `unmute`, `reload`, `keywords`, `clip`: these end well once the daemon has said that it is done."""

import argparse
import base64
import logging
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from kwsd.cli.arguments import number
from kwsd.cli.connect import add_socket_argument, connect
from kwsd.cli.terminal import say
from kwsd.errors import DONE, DONE_IN_PART, FlagError, KwsdError
from kwsd.protocol.connection import DaemonConnection
from kwsd.quick_dataclass import dataclass

logger = logging.getLogger(__name__)

CLOSES_S = 12.0  # a microphone that gives nothing is given up first, then closed
COMPILES_S = 30.0  # thousands of phrases on a small board
ARRIVES_S = 20.0  # sound that is yet to come is waited for

KEYWORDS_EPILOG = """\
examples:
  kwsctl keywords                                  list them
  kwsctl keywords --set "lights on" "lights off"   listen for these two instead
  kwsctl keywords --set "hey jarvis :1.5 @me"      lines as in a keyword file
  kwsctl keywords --threshold 0.5                  make all of them stricter
  kwsctl keywords --threshold 0.2 --keyword "lights on"
  kwsctl keywords --threshold 0.2 --keyword "lights on" --save
Without --save the keyword file is not touched: `kwsctl reload` brings it back."""


@dataclass(frozen=True, slots=True)
class Change:
    """One command."""

    name: str
    help: str
    carry_out: Callable[[DaemonConnection, argparse.Namespace], int]
    """Asks the daemon and says what came of it; the exit code."""
    declare: Callable[[argparse.ArgumentParser], object] = add_socket_argument
    epilog: str = ""


def add_parsers(subparsers: Any) -> None:
    """Declare them all."""
    for change in CHANGES:
        parser: argparse.ArgumentParser = subparsers.add_parser(
            change.name,
            help=change.help,
            description=f"{change.help.capitalize()}.",
            epilog=change.epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        change.declare(parser)
        if change.declare is not add_socket_argument:
            add_socket_argument(parser)
        parser.add_argument("--source", metavar="NAME", help="only of this [[source]] of the settings (default: all)")
        parser.set_defaults(run=partial(run, change))


def run(change: Change, arguments: argparse.Namespace) -> int:
    """Do one of them."""
    with connect(arguments) as client:
        return change.carry_out(client, arguments)


def of_source(arguments: argparse.Namespace) -> dict[str, str]:
    """The source that is meant, if not all; older daemons know none."""
    return {} if arguments.source is None else {"source": arguments.source}


def told_of(client: DaemonConnection, arguments: argparse.Namespace) -> str:
    """What a person reads: whose microphone it was."""
    if arguments.source is not None:
        return f"the microphone of {arguments.source} is"
    names = [each["name"] for each in client.hello.get("sources", ())]
    return f"the microphones of {', '.join(names)} are" if names else "the microphone is"


def mute(client: DaemonConnection, arguments: argparse.Namespace) -> int:
    """Close the microphone."""
    client.ask("mute", timeout_s=max(CLOSES_S, arguments.timeout), **of_source(arguments))
    say(f"{told_of(client, arguments)} closed")
    return DONE


def unmute(client: DaemonConnection, arguments: argparse.Namespace) -> int:
    """Open it again."""
    client.ask("unmute", timeout_s=max(CLOSES_S, arguments.timeout), **of_source(arguments))
    say(f"{told_of(client, arguments)} opened again")
    return DONE


def reload(client: DaemonConnection, arguments: argparse.Namespace) -> int:
    """Read the keyword file again; lines that cannot be used are told."""
    reply = client.ask("reload", timeout_s=max(COMPILES_S, arguments.timeout), **of_source(arguments))
    say(f"keywords in force: {len(reply['keywords'])}")
    for problem in reply["problems"]:
        logger.warning("%s", problem)
    return DONE_IN_PART if reply["problems"] else DONE


def keywords_of(hello: dict[str, Any], source: str | None) -> list[str]:
    """Those in force in one source, or all. Raises FlagError: there is no such source."""
    if source is None:
        return list(hello["keywords"])
    lists = {each["name"]: each["keywords"] for each in hello.get("sources", ())}
    if source not in lists:
        raise FlagError(f'--source: there is no "{source}"; there are: {", ".join(lists) or "none"}')
    return list(lists[source])


def _declare_keywords(parser: argparse.ArgumentParser) -> None:
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--set", nargs="+", metavar="PHRASE", help="listen for these instead, as lines of a keyword file")
    what.add_argument("--threshold", type=number, metavar="X", help="score that fires, 0 to 1")
    parser.add_argument("--keyword", metavar="NAME", help="with --threshold: only for this one")
    parser.add_argument("--save", action="store_true", help="with --threshold: write it into the keyword file")


def keywords(client: DaemonConnection, arguments: argparse.Namespace) -> int:
    """List the keywords in force, or change them first."""
    how = {"timeout_s": max(COMPILES_S, arguments.timeout), **of_source(arguments)}
    problems = []
    if arguments.threshold is None and (arguments.save or arguments.keyword):
        raise FlagError("--keyword and --save go with --threshold X")
    if arguments.set:
        reply = client.ask("set_keywords", **how, keywords=[_keyword(line) for line in arguments.set])
        names, problems = reply["keywords"], reply.get("problems", [])
    elif arguments.threshold is not None:
        change = {"threshold": arguments.threshold, "keyword": arguments.keyword}
        change |= {"save": True} if arguments.save else {}  # which older daemons do not know
        names = client.ask("set_threshold", **how, **change)["keywords"]
    else:
        names = keywords_of(client.hello, arguments.source)
    say("\n".join(names))
    for problem in problems:
        logger.warning("%s", problem)
    return DONE_IN_PART if problems else DONE


def _keyword(line: str) -> dict[str, Any] | str:
    """A line as in a keyword file → what the command takes; a mere phrase stays one."""
    from kwsd.keywords.keyword import Keyword  # noqa: PLC0415 - `kwsctl --help` does without
    from kwsd.keywords.text_lines import keyword_of_line  # noqa: PLC0415 - likewise

    try:
        keyword = keyword_of_line(line.encode(errors="surrogateescape"))
    except ValueError as error:
        raise FlagError(f'--set "{line}": {error}') from None
    if keyword is None:
        raise FlagError(f'--set "{line}": is no phrase')
    given = {each.name: getattr(keyword, each.name) for each in fields(Keyword)}
    changed = {name: value for name, value in given.items() if value != getattr(Keyword(keyword.phrase), name)}
    return {"phrase": keyword.phrase, **changed} if changed else keyword.phrase


def _declare_clip(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=int, nargs="?", help="of the detection, see `kwsctl listen --json`")
    parser.add_argument("--start", type=number, metavar="S", help="from here, in seconds of the daemon's clock")
    parser.add_argument("--end", type=number, metavar="S", help="to here; what is yet to come is waited for")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.wav", help="where to; standard output otherwise")


def clip(client: DaemonConnection, arguments: argparse.Namespace) -> int:
    """Write the sound of a detection or of a span as WAV."""
    if arguments.output is None and sys.stdout.isatty():
        raise FlagError("a WAV file is nothing for a terminal; give -o FILE.wav")
    span = {"id": arguments.id, "start": arguments.start, "end": arguments.end}
    answer = client.ask("clip", timeout_s=max(ARRIVES_S, arguments.timeout), **span, **of_source(arguments))
    wav = base64.b64decode(answer["wav"])
    if arguments.output is None:
        sys.stdout.buffer.write(wav)
        return DONE
    try:
        arguments.output.write_bytes(wav)
    except OSError as error:
        raise KwsdError(f"{arguments.output}: cannot be written: {error.strerror}; give another -o") from None
    say(f"{arguments.output}: {answer['start']:.3f} to {answer['end']:.3f} s")
    return DONE


CHANGES = (
    Change(
        "keywords", "list or change the keywords in force", keywords, declare=_declare_keywords, epilog=KEYWORDS_EPILOG
    ),
    Change(
        "reload",
        "read the keyword file again",
        reload,
        epilog=f"exit code {DONE_IN_PART}: the list is in force, but some lines of the file cannot be used.",
    ),
    Change("mute", "close the daemon's microphones, or one of several", mute),
    Change("unmute", "open the daemon's microphones again, or one of several", unmute),
    Change(
        "clip",
        "save the sound of a detection",
        clip,
        declare=_declare_clip,
        epilog="The daemon must have been started with --clips.",
    ),
)
