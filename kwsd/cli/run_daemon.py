"""`kwsd` as a service: a microphone, or anything with a socket, is heard by the daemon."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import NoReturn

from kwsd.cli.exit_codes import guarded
from kwsd.cli.logs import log_for_months
from kwsd.cli.run_files import device, keyword_reader
from kwsd.config import LoadedSettings
from kwsd.daemon.daemon import run_daemon
from kwsd.daemon.listen_socket import ListenSocket
from kwsd.errors import DONE, FlagError, KwsdError
from kwsd.homes import state_directory
from kwsd.setup.migrate import migrate
from kwsd.spotters.open import Loader

logger = logging.getLogger(__name__)


def serve(loaded: LoadedSettings, load: Loader | None) -> NoReturn:
    """Run until a signal, or until a file or pipe ends, and end the process. `load` gives the model.

    At once: the interpreter's own end takes a second on a busy machine, and waits for a sound system that hangs.
    """
    log_for_months()
    try:
        exit_code = guarded(partial(_serve, loaded, load))
    except SystemExit:  # SIGTERM while it was starting
        exit_code = DONE
    logging.shutdown()
    with suppress(OSError, AttributeError):  # full or closed, which was said when it was to be written
        sys.stdout.flush()
    os._exit(exit_code)


def _serve(loaded: LoadedSettings, load: Loader | None) -> int:
    """Raises KwsdError: a setting, the model or the keywords are not usable, or another kwsd is there already."""
    settings = loaded.settings
    if len(settings.input) > 1:
        raise FlagError(f"--input: the daemon hears one input, not {len(settings.input)}; run one daemon for each")
    for each in loaded.sources or (settings,):
        keyword_reader(replace(settings, keywords=each.keywords or settings.keywords))  # told before anything is opened
    with ExitStack() as opened:
        door = None
        if settings.is_service:  # else only --exec and the like are wanted
            with held_back(signal.SIGTERM):  # until it is sure to be removed
                door = ListenSocket.open(settings.daemon)
                if door:
                    opened.callback(door.close)
        if door:
            carry_over(loaded)
        run_daemon(settings, device(loaded), door, loaded.sources, load)
    return 0


@contextmanager
def held_back(number: signal.Signals) -> Iterator[None]:
    """A signal that comes meanwhile takes effect behind it. A mask would not do: the thread that loads may take it."""
    came: list[int] = []
    before = signal.signal(number, lambda *_: came.append(number))
    try:
        yield
    finally:
        signal.signal(number, before)
    if came:
        signal.raise_signal(number)


def carry_over(loaded: LoadedSettings) -> None:
    """What an earlier version left; what came of it is told. Nothing of it keeps a daemon from hearing."""
    state = state_directory()
    if state is None:
        return
    try:
        found = migrate(loaded, state, acknowledged=False)
    except (KwsdError, OSError) as error:
        logger.warning("nothing was carried over from an earlier version: %s", error)
        return
    for line in found.told:
        logger.warning("%s", line)
    if found.before and found.thresholds:
        count, was, now = len(found.thresholds), found.before.thresholds, found.now.thresholds
        logger.warning("%d thresholds are of %s, not of %s: `kwsctl migrate` names them", count, was, now)
