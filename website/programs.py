"""A page for each program, made from its parser."""

import argparse
from collections.abc import Iterator

from kwsd.cli.programs import make_parsers
from website.marks import cell

COLUMNS = 100


def program_pages() -> dict[str, str]:
    """Name of a program → its page."""
    return {name: "\n".join(described(parser, level=1)) for name, parser in make_parsers().items()}


def described(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    """A program, or one of its commands, and all commands below it."""
    parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=COLUMNS)
    yield f"{'#' * level} {parser.prog}\n"
    yield f"{cell(parser.description or '')}\n"
    yield f"```text\n{parser.format_usage().removeprefix('usage: ').rstrip()}\n```\n"
    commands: dict[str, argparse.ArgumentParser] = {}
    for group in parser._action_groups:
        rows = []
        for action in group._group_actions:
            if isinstance(action, argparse._SubParsersAction):
                commands |= action.choices
                for choice in action._choices_actions:
                    commands[choice.dest].description = commands[choice.dest].description or choice.help
            elif action.help != argparse.SUPPRESS and not isinstance(action, argparse._HelpAction):
                about = (action.help or "") % {**vars(action), "prog": parser.prog}
                rows.append(f"| `{written(action)}` | {cell(about)} |")
        if rows:
            title = group.title or ""
            yield f"**{title[:1].upper()}{title[1:]}**\n"
            yield "\n".join(["| | |", "|---|---|", *rows, ""])
    if parser.epilog:
        yield f"```text\n{parser.epilog}\n```\n"
    for each in commands.values():
        yield from described(each, level + 1)


def written(action: argparse.Action) -> str:
    """How an argument is written."""
    choices = "{" + ",".join(map(str, action.choices or ())) + "}"
    value = action.metavar or (choices if action.choices else action.dest.upper())
    told = " ".join(value) if isinstance(value, tuple) else value
    if not action.option_strings:
        return told.replace("|", r"\|")
    return (", ".join(action.option_strings) + (f" {told}" if action.nargs != 0 else "")).replace("|", r"\|")
