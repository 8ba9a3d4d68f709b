"""Several files of sound, one after the other: what is wrong with one is told, and the others are read."""

import argparse
import logging
from collections.abc import Callable
from contextlib import closing

from kwsd.audio.open import open_source
from kwsd.audio.source import Source
from kwsd.cli.progress import Progress, progress_of
from kwsd.errors import DONE, DONE_IN_PART, FAILED, AudioError, TranscriptError

logger = logging.getLogger(__name__)


def over_files(arguments: argparse.Namespace, work: Callable[[Source, Progress], None]) -> int:
    """Those of `add_sound_arguments` → the exit code. A mistake in the arguments is no file's, and raised."""
    failed = 0
    for name in arguments.files:
        try:
            with (
                closing(open_source(name, channel=arguments.channel, raw=arguments.raw)) as source,
                progress_of(source) as progress,
            ):
                work(source, progress)
        except (AudioError, TranscriptError) as error:
            failed += 1
            of = f"{name}: " if len(arguments.files) > 1 and name not in str(error) else ""
            logger.error("%s%s", of, error)  # noqa: TRY400 - the message is for a person, as those that end a command
    if failed:
        return FAILED if failed == len(arguments.files) else DONE_IN_PART
    return DONE
