"""Progress bars for long files and downloads, on stderr, when a person is there to see. The only importer of rich."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kwsd.audio.source import Source
from kwsd.outlets.stdout import write_line
from kwsd.quick_dataclass import dataclass
from kwsd.timebase import samples, seconds

logger = logging.getLogger(__name__)

LOGGED_EVERY_S = 300.0  # where nobody watches, as of a run over night
AT_ONCE_S = 1.0  # in which what was there already is told
LONG_S = 60.0  # a minute of sound takes a second or two: less is over before a bar is read


@dataclass(frozen=True, slots=True)
class Progress:
    """How to say that some sound is done, and how to write a line without tearing the bar."""

    advance: Callable[[int], None]
    """Takes 16 kHz samples."""
    write: Callable[[str], None]


@contextmanager
def progress_of(source: Source) -> Iterator[Progress]:
    """A bar for this source, or nothing to see where none is wanted."""
    if source.duration_s is None or source.duration_s < LONG_S or not _stderr_is_terminal():
        yield Progress(lambda _samples: None, write_line)
        return
    with _bar(source.name, source.duration_s) as progress:
        yield progress


@contextmanager
def _bar(name: str, duration_s: float) -> Iterator[Progress]:
    from rich import progress as rich_progress  # noqa: PLC0415 - 100 ms that short files and pipes need not pay
    from rich.console import Console  # noqa: PLC0415 - likewise

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.TaskProgressColumn(),
        rich_progress.TextColumn("{task.fields[rate]}"),
        rich_progress.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with rich_progress.Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(name, total=duration_s, rate="")

        def advance(samples: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, advance=seconds(samples), rate=f"{speed:.0f} × real time" if speed else "")

        def write(line: str) -> None:
            if sys.stdout.isatty():
                console.out(line, highlight=False)  # the same terminal: above the bar
            else:
                write_line(line)

        yield Progress(advance, write)


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A function to call whenever one of so many is done."""
    with sound_progress(what, total) as advance:
        yield lambda: advance(samples(1.0))


@contextmanager
def sound_progress(what: str, duration_s: float) -> Iterator[Callable[[int], None]]:
    """A function to call with samples that are done, of sound of that length."""
    if not _stderr_is_terminal():
        yield logged_progress(what, duration_s)
        return
    with _bar(what, duration_s) as progress:
        yield progress.advance


def logged_progress(what: str, duration_s: float) -> Callable[[int], None]:
    """A function to call with samples that are done; every few minutes a line of the log says how far that is."""
    began_s = told_s = time.monotonic()
    done_s = already_s = 0.0

    def advance(samples: int) -> None:
        nonlocal told_s, done_s, already_s
        now_s, done_s = time.monotonic(), done_s + seconds(samples)
        if now_s - began_s < AT_ONCE_S:
            already_s = done_s
        elif now_s - told_s >= LOGGED_EVERY_S and already_s < done_s < duration_s:
            told_s, speed = now_s, (done_s - already_s) / (now_s - began_s)
            share, left_min = 100 * done_s / duration_s, (duration_s - done_s) / speed / 60
            logger.info("%s: %.0f %%, %.0f × real time, %.0f min left", what, share, speed, left_min)

    return advance


@contextmanager
def download_progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function to call with (bytes there, bytes in all when known)."""
    if not _stderr_is_terminal():
        yield lambda _done, _total: None
        return
    from rich import progress as rich_progress  # noqa: PLC0415 - 100 ms that only downloads need pay
    from rich.console import Console  # noqa: PLC0415 - likewise

    columns = (
        rich_progress.TextColumn("{task.description}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _stderr_is_terminal() -> bool:
    return sys.stderr.isatty()
