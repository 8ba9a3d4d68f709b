"""`kwsctl completions` and `kwsctl manual`: what shells and `man` know of our programs, made from their parsers."""

import argparse
from collections.abc import Iterator
from typing import Any

from kwsd.errors import DONE

SHELLS = ("bash", "zsh", "fish")

EPILOG = """\
examples:
  eval "$(kwsctl completions bash)"           in ~/.bashrc
  eval "$(kwsctl completions zsh)"            in ~/.zshrc, behind compinit
  kwsctl completions fish | source            in ~/.config/fish/config.fish
  kwsctl completions bash --program kwsd      of one program, for a file of its own
`kwsctl install-service` and the Debian package put them in place."""


def add_parsers(subparsers: Any) -> None:
    """Declare both."""
    completions: argparse.ArgumentParser = subparsers.add_parser(
        "completions",
        help="what a shell completes after Tab",
        description="Print what makes a shell complete the commands, flags and files of kwsd's programs.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completions.add_argument("shell", choices=SHELLS, help="whose language to print")
    completions.add_argument("--program", metavar="NAME", help="of this program alone; of all of kwsd's by default")
    completions.set_defaults(run=run_completions)
    manual: argparse.ArgumentParser = subparsers.add_parser(
        "manual",
        help="the man page of a program",
        description="Print the man page of a program: kwsctl manual kwsd | man -l -",
    )
    manual.add_argument("program", metavar="NAME", nargs="?", default="kwsctl", help="which program; kwsctl by default")
    manual.set_defaults(run=run_manual)


def run_completions(arguments: argparse.Namespace) -> int:
    """Print those of one program, or of all."""
    from kwsd.cli.programs import make_parsers  # noqa: PLC0415 - no other command needs to know them all

    for parser in make_parsers(arguments.program).values():
        print(completions_of(parser, arguments.shell))
    return DONE


def run_manual(arguments: argparse.Namespace) -> int:
    """Print the page."""
    from kwsd.cli.man_pages import man_page  # noqa: PLC0415 - likewise
    from kwsd.cli.programs import make_parsers  # noqa: PLC0415 - likewise

    print(man_page(make_parsers(arguments.program)[arguments.program]))
    return DONE


def completions_of(parser: argparse.ArgumentParser, shell: str) -> str:
    """A script for the shell; what is written FILE, PATH or DIR in the help is completed as one."""
    import shtab  # noqa: PLC0415 - likewise

    for action in actions_of(parser):
        named = str(action.metavar)
        if "FILE" in named or "PATH" in named or named == "SOURCE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif "DIR" in named:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    return shtab.complete(parser, shell=shell)


def actions_of(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Every argument of a program, those of its sub-commands as well."""
    for action in parser._actions:  # noqa: SLF001 - argparse has no other way to look at them
        yield action
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for inner in action.choices.values():
                yield from actions_of(inner)
