"""`kwsctl enrol`: learns from a few takes how somebody says a keyword, and writes spellings and a threshold."""

import argparse
import logging
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd.cli.connect import add_socket_argument, socket_of, wait_for_daemon
from kwsd.cli.exit_codes import require_extra
from kwsd.cli.rates import per_hour
from kwsd.cli.terminal import say
from kwsd.errors import DONE, FlagError, KwsdError

if TYPE_CHECKING:
    from kwsd.cli.tuning_setup import Setup
    from kwsd.keywords.keyword import Keyword
    from kwsd.tuning.enrol import Enrolment
    from kwsd.tuning.kept_takes import KeptTakes
    from kwsd.tuning.takes import Take

logger = logging.getLogger(__name__)

EPILOG = """\
examples:
  kwsctl enrol hadouken                        say it three times into the running daemon (kwsd --clips)
  kwsctl enrol hadouken --from take*.wav       from recordings, one saying in each
  kwsctl enrol hadouken --background talk/     and hold it against an hour of what the room hears
The keyword file is TOML; its comments and order stay, and what was there before lies beside it as *.bak."""
FEWEST, MOST_RETRIES = 3, 5


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Declare `enrol`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "enrol",
        help="learn from a few takes how you say a keyword",
        description="Find out from three to five takes how you say a keyword, and write it into the keyword file.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="phrase or name of the keyword; any that can be said")
    parser.add_argument("--from", dest="files", nargs="+", type=Path, metavar="FILE", help="recordings instead of you")
    parser.add_argument("--takes", type=int, default=FEWEST, metavar="N", help="to record, 3 to 5 (default: 3)")
    parser.add_argument(
        "--keywords", type=Path, metavar="FILE.toml", help="keyword file, else that of settings or daemon"
    )
    parser.add_argument("--model", metavar="NAME|DIR", help="model, if not that of the settings")
    parser.add_argument(
        "--background", nargs="+", type=Path, metavar="PATH", help="recordings in which nobody says it, or folders"
    )
    parser.add_argument(
        "--false-alarms", type=per_hour, default=0.3, metavar="R", help="put up with, such as 0.3/h (default)"
    )
    parser.add_argument("--work", type=Path, metavar="DIR", help="where encoder frames are kept")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    add_socket_argument(parser)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Learn and write; the exit code. Raises KwsdError: nothing was written."""
    require_extra("tune", ("tomlkit",))
    from kwsd.cli.tuning_setup import open_setup  # noqa: PLC0415 - --help needs no model
    from kwsd.keywords.edit import known_keyword, require_unchanged, write_keywords  # noqa: PLC0415 - likewise
    from kwsd.keywords.keyword import Keyword  # noqa: PLC0415 - likewise
    from kwsd.tuning.kept_takes import KeptTakes  # noqa: PLC0415 - likewise

    if not FEWEST <= arguments.takes <= MOST_RETRIES:
        raise FlagError(f"--takes {arguments.takes}: choose from 3 to 5")
    setup = open_setup(arguments)
    known = known_keyword(setup.keywords, arguments.name)
    keyword = known or Keyword(arguments.name)
    kept = KeptTakes(setup.work, arguments.name)
    takes = takes_of_files(arguments.files) if arguments.files else takes_of_daemon(arguments, kept)
    found = learn(setup, keyword, takes, arguments)
    say("\n".join(report(found, arguments.false_alarms)))
    if not found.is_worth_writing(new=known is None):
        say(f"{setup.keywords} stays as it is" + ("" if known else f', without "{keyword.label}"'))
    elif not arguments.dry_run:
        require_unchanged(setup.keywords, arguments.name, known)
        backup = write_keywords(setup.keywords, {keyword: found.changes})
        say(f"written to {setup.keywords}" + (f"; before: {backup}" if backup else ""))
    if not (arguments.files or arguments.dry_run):  # what was only tried may yet be written
        kept.forget()
    return DONE


def learn(setup: "Setup", keyword: "Keyword", takes: "Sequence[Take]", arguments: argparse.Namespace) -> "Enrolment":
    """What the takes lead to, held against the background, with a bar where that is long. Raises KwsdError."""
    from kwsd.cli.progress import sound_progress  # noqa: PLC0415 - as above
    from kwsd.cli.tuning_setup import prepared_background  # noqa: PLC0415 - likewise
    from kwsd.tuning.enrol import enrol  # noqa: PLC0415 - likewise
    from kwsd.tuning.hear import SECONDS_PER_HOUR, frames_of_take  # noqa: PLC0415 - likewise

    background = prepared_background(setup, arguments.background)
    frames = [frames_of_take(setup.model, take) for take in takes]
    with sound_progress("searching", background.hours * SECONDS_PER_HOUR if background else 0.0) as done:
        return enrol(
            setup.model,
            keyword,
            frames,
            background,
            per_hour=arguments.false_alarms,
            settings=setup.settings.search,
            done=done,
        )


def report(found: "Enrolment", wanted: float) -> list[str]:
    """What was found, for a person."""
    takes = len(found.heard_before)
    before, after = sum(found.heard_before), sum(found.heard_after)
    lines = [
        f"takes heard as it is:          {before} of {takes} (threshold {found.before_threshold:g})",
        f"takes heard with what is new:  {after} of {takes}, each left out in turn; both at {wanted:g} false alarms/h",
    ]
    new = [each for each in found.after.spellings if each not in found.before.spellings]
    lines += [f"new spelling: {each}" for each in new]
    if found.after != found.before:
        lines.append(f"threshold: {found.after.threshold:g}")
    elif before == takes:
        lines.append("nothing is worth changing: what is there hears these takes as well")
    else:
        lines.append("nothing is worth changing: what would hear more of these takes goes off too often by mistake,")
        lines.append("as far as is known; --false-alarms 1/h puts up with more, and a longer name goes off less")
    told_by = f"{found.hours:.2g} h of background" if found.hours else "what is usual for phrases of its length"
    lines.append(f"false alarms to be expected: {found.expected_per_hour:.2g}/h, by {told_by}")
    if not found.hours:
        lines.append(
            "no background was given: --background PATH, or `kwsctl tune --listen 8h` before, shows how often it is"
        )
    return lines


def takes_of_files(paths: Sequence[Path]) -> "Sequence[Take]":
    """Recordings that are fit; raises KwsdError where fewer than three are."""
    from kwsd.tuning.kept import recordings  # noqa: PLC0415 - as above
    from kwsd.tuning.takes import sift_takes  # noqa: PLC0415 - likewise

    sifted = sift_takes(recordings(paths))
    for reason in sifted.refused:
        logger.warning("%s", reason)
    if len(sifted.good) < FEWEST:
        raise KwsdError(f"{len(sifted.good)} takes are fit to learn from, and {FEWEST} are needed")
    return sifted.good


def takes_of_daemon(arguments: argparse.Namespace, kept: "KeptTakes") -> "Sequence[Take]":
    """Takes out of the running daemon, each of which may be tried again; those kept by an earlier try count."""
    from kwsd.protocol.connection import NoDaemonError  # noqa: PLC0415 - as above
    from kwsd.tuning.record import record_take  # noqa: PLC0415 - likewise
    from kwsd.tuning.takes import TakeError, trim_take  # noqa: PLC0415 - likewise

    socket, good, refused = socket_of(arguments), list(kept.read())[:MOST_RETRIES], 0
    if good:
        say(f"going on with {len(good)} takes of the last hour; to begin anew, delete {kept.folder}")
    while len(good) < arguments.takes:
        prompt = f'take {len(good) + 1} of {arguments.takes}: say "{arguments.name}" now'
        try:
            sound = record_take(socket, show_level, arguments.timeout, partial(say, prompt))
            good.append(trim_take(f"take {len(good) + 1}", sound))
        except TakeError as error:
            refused += 1
            logger.warning("%s", error)
            if refused >= MOST_RETRIES:
                raise KwsdError(f"{refused} takes were not fit to learn from; nothing was changed") from None
        except KwsdError as error:
            if not good:
                raise
            so_far = f"{len(good)} of {arguments.takes} takes are kept"
            if not isinstance(error, NoDaemonError):
                raise KwsdError(f"{error}; {so_far}: the same command goes on with them") from None
            wait_for_daemon(arguments, error, so_far)
        else:
            say(f"  good: {good[-1].level_db:.0f} dB over noise of {good[-1].noise_db:.0f} dB")
            try:
                kept.add(sound)
            except OSError as error:
                logger.warning("%s: the take cannot be kept for another try: %s", kept.folder, error.strerror)
    return good


def show_level(level_db: float) -> None:
    """One line that is written over, where somebody sees it."""
    if sys.stderr is not None and sys.stderr.isatty():
        bar = "#" * max(0, round((level_db + 70) / 2))
        sys.stderr.write(f"\r  {level_db:5.0f} dB {bar:<35}\r")
        sys.stderr.flush()
