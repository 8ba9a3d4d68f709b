"""The `kwsctl` command: tries things out, fetches models, and talks to a running daemon.

Each file `ctl_NAME.py` declares one sub-command or several that are alike, and sets what runs them; it is listed here.
"""

import argparse
from collections.abc import Sequence

from kwsd import __version__
from kwsd.cli import (
    ctl_change,
    ctl_check,
    ctl_classify,
    ctl_completions,
    ctl_doctor,
    ctl_enrol,
    ctl_metrics,
    ctl_models,
    ctl_review,
    ctl_service,
    ctl_show,
    ctl_transcribe,
    ctl_tune,
)
from kwsd.cli.exit_codes import run_program
from kwsd.errors import EXIT_CODES

EPILOG = f"""\
examples:
  kwsctl check --keywords commands.txt      are microphone, model and keywords fit to work with?
  kwsctl doctor                             what keeps kwsd from hearing?
  kwsctl models list                        what came with kwsd, what can be fetched, what is installed
  kwsctl models pull gigaspeech-3.3M        another model than kwsd-en
  kwsctl listen                             what a running daemon hears; --json for programs
  kwsctl reload                             after editing the keyword file
  kwsctl clip 17 -o heard.wav               the sound of a detection
  kwsctl why                                why the last keyword was heard, or was not
  kwsctl enrol hadouken                     learn from three takes how you say it
  kwsctl install-service --user             start kwsd with the session; remove-service takes it away

`kwsctl COMMAND --help` says more of each.
{EXIT_CODES}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsctl` with these arguments (those of the process by default); returns the exit code."""
    return run_program(make_parser(), lambda arguments: int(arguments.run(arguments)), argv)


def make_parser() -> argparse.ArgumentParser:
    """Its arguments."""
    parser = argparse.ArgumentParser(
        prog="kwsctl",
        description="Tries out and controls kwsd.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    parser.add_argument("--version", action="version", version=f"kwsctl {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    ordinary = (ctl_check, ctl_doctor, ctl_classify, ctl_models, ctl_transcribe, ctl_enrol, ctl_tune, ctl_review)
    for command in ordinary:
        command.add_parser(subparsers).set_defaults(run=command.run)
    ctl_show.add_parsers(subparsers)
    ctl_change.add_parsers(subparsers)
    ctl_completions.add_parsers(subparsers)
    ctl_service.add_parsers(subparsers)
    ctl_metrics.add_parser(subparsers).set_defaults(run=ctl_metrics.run)
    return parser
