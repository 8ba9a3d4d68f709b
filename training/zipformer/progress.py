"""A progress bar on terminals, silence elsewhere."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def bar(*, shown: bool = True) -> Progress:
    """Make a progress display; use it as a context manager."""
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    return Progress(*columns, TextColumn("{task.fields[note]}"), disable=not shown)


def progress(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Pass items through, showing how many of `total` are done."""
    with bar() as display:
        task = display.add_task(what, total=total, note="")
        for item in items:
            yield item
            display.advance(task)
