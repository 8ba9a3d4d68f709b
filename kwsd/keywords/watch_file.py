"""Notices that a file has changed, however an editor goes about it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger(__name__)

STEP_MS = 250  # between looks; an editor writes in several steps


async def watch(path: Path, changed: Callable[[], None], stop: asyncio.Event) -> None:
    """Call `changed` whenever the file has been written or replaced, until `stop` is set.

    The directory is watched, because an editor that renames a new file into place leaves the old one behind.
    """
    import watchfiles  # noqa: PLC0415  50 ms that a start need not wait for

    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # whoever is told of the change says so
    names = _names(path)
    directories = {Path(name).parent for name in names}
    try:
        async for _ in watchfiles.awatch(
            *directories,
            watch_filter=lambda _, name: name in names,
            stop_event=stop,
            recursive=False,
            step=STEP_MS,
        ):
            changed()
    except OSError as error:
        logger.warning("cannot watch %s (%s); use `kwsctl reload` after changing it", path, error)


def _names(path: Path) -> set[str]:
    """The file as given, and what a link leads to."""
    return {str(path.absolute()), str(path.resolve())}
