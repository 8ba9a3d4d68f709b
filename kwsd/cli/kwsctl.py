"""The `kwsctl` command: tries things out, fetches models, and talks to a running daemon.

Each sub-command is a file `ctl_NAME.py` with `add_parser(subparsers)` and `run(arguments)`; it is listed here.
"""

import argparse
from collections.abc import Sequence
from functools import partial

from kwsd import __version__
from kwsd.cli import (
    ctl_check,
    ctl_classify,
    ctl_clip,
    ctl_keywords,
    ctl_listen,
    ctl_metrics,
    ctl_models,
    ctl_mute,
    ctl_reload,
    ctl_status,
    ctl_trace,
    ctl_unmute,
)
from kwsd.cli.exit_codes import guarded
from kwsd.cli.logs import start_logging

COMMANDS = (
    ctl_check,
    ctl_classify,
    ctl_models,
    ctl_listen,
    ctl_status,
    ctl_metrics,
    ctl_keywords,
    ctl_reload,
    ctl_mute,
    ctl_unmute,
    ctl_clip,
    ctl_trace,
)

EPILOG = """\
examples:
  kwsctl check --keywords commands.txt      are microphone, model and keywords fit to work with?
  kwsctl models list                        what came with kwsd, what can be fetched, what is installed
  kwsctl models pull gigaspeech-3.3M        another model than kwsd-en
  kwsctl listen                             what a running daemon hears; --json for programs
  kwsctl reload                             after editing the keyword file
  kwsctl clip 17 -o heard.wav               the sound of a detection

`kwsctl COMMAND --help` says more of each.
exit codes: 0 well, 1 failed while running, 2 wrong usage, 78 wrong configuration, keywords or model."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsctl` with these arguments (those of the process by default); returns the exit code."""
    arguments = _parser().parse_args(argv)
    start_logging("kwsctl", verbose=arguments.verbose)
    return guarded(partial(arguments.run, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kwsctl",
        description="Tries out and controls kwsd.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    parser.add_argument("--version", action="version", version=f"kwsctl {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(subparsers).set_defaults(run=command.run)
    return parser
