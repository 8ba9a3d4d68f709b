"""Progress bars on stderr, for people; silent where nobody looks."""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress import track as rich_track

T = TypeVar("T")


def track(items: Sequence[T], title: str) -> Iterable[T]:
    """The items, with a bar that says how far and how long yet."""
    console = Console(stderr=True)
    return rich_track(items, description=title, console=console, disable=not console.is_terminal, transient=True)


def hours_bar() -> Progress:
    """A bar whose tasks count audio."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("min"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)


def say(text: str) -> None:
    """One line for whoever started the run."""
    print(text, file=sys.stderr, flush=True)
