"""The `kwsctl` command: tries things out, fetches models, and talks to a running daemon.

Each file `ctl_NAME.py` declares one sub-command or several that are alike, and sets what runs them; it is listed here.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from kwsd import __version__
from kwsd.cli.exit_codes import run_program
from kwsd.errors import EXIT_CODES

COMMANDS = {
    "ctl_check": ("check",),
    "ctl_doctor": ("doctor",),
    "ctl_classify": ("classify",),
    "ctl_models": ("models",),
    "ctl_transcribe": ("transcribe",),
    "ctl_enrol": ("enrol",),
    "ctl_tune": ("tune",),
    "ctl_review": ("review",),
    "ctl_show": ("listen", "trace", "why", "status"),
    "ctl_change": ("mute", "unmute", "reload", "keywords", "clip"),
    "ctl_completions": ("completions", "manual"),
    "ctl_service": ("install-service", "remove-service"),
    "ctl_migrate": ("migrate",),
    "ctl_metrics": ("metrics",),
}
"""The files, and the commands that each has."""

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
  kwsctl migrate                            after an upgrade: what means something else now

`kwsctl COMMAND --help` says more of each.
{EXIT_CODES}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsctl` with these arguments (those of the process by default); returns the exit code."""
    given = sys.argv[1:] if argv is None else argv
    command = next((word for word in given if not word.startswith("-")), None)
    return run_program(make_parser(command), lambda arguments: int(arguments.run(arguments)), argv)


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Its arguments; of one command alone where there is one of that name: to load them all takes longer than it."""
    parser = argparse.ArgumentParser(
        prog="kwsctl",
        description="Tries out and controls kwsd.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    parser.add_argument("--version", action="version", version=f"kwsctl {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in [name for name, commands in COMMANDS.items() if command in commands] or COMMANDS:
        module: Any = import_module(f"kwsd.cli.{name}")
        if hasattr(module, "add_parsers"):
            module.add_parsers(subparsers)
        else:
            module.add_parser(subparsers).set_defaults(run=module.run)
    return parser
