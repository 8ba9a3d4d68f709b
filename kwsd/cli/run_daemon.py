"""`kwsd` as a service: a microphone, or anything with a socket, is heard by the daemon."""

import logging
import os
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import NoReturn

from kwsd.audio.open import MICROPHONE, open_source
from kwsd.audio.source import Source
from kwsd.cli.exit_codes import guarded
from kwsd.cli.run_files import device, keyword_reader
from kwsd.config import LoadedSettings
from kwsd.daemon import Door, NearMissTeller, Plan, Reporter, run_daemon, steady_heap
from kwsd.errors import FlagError
from kwsd.events import Event
from kwsd.keywords.files import KeywordList, read_keyword_file
from kwsd.outlets.bus import Bus
from kwsd.outlets.printing_thread import PrintingThread
from kwsd.outlets.stdout import make_report, write_line
from kwsd.spotters.open import Ears, open_ears
from kwsd.spotters.paired import Listener
from kwsd.spotters.phrases import Spotter
from kwsd.spotters.seat import OpenSpotter

PRINTS_S = 0.1  # at the end, for what is not printed yet


def serve(loaded: LoadedSettings) -> NoReturn:
    """Run until a signal, or until a file or pipe ends, and end the process.

    At once: the interpreter's own end takes a second on a busy machine, and waits for a sound system that hangs.
    """
    steady_heap()
    exit_code = guarded(partial(_serve, loaded))
    logging.shutdown()
    sys.stdout.flush()
    os._exit(exit_code)


def _serve(loaded: LoadedSettings) -> int:
    """Raises KwsdError: a setting, the model or the keywords are not usable, or another kwsd is there already."""
    settings = loaded.settings
    if len(settings.input) > 1:
        raise FlagError(f"--input: the daemon hears one input, not {len(settings.input)}; run one daemon for each")
    keyword_reader(settings)  # whoever gave none is told so before anything is opened
    with closing(Door.open(settings.daemon)) as door:
        printing = PrintingThread(make_report(as_json=settings.json, source=None, write=write_line))
        run_daemon(make_plan(loaded, printing), door)
        printing.close(PRINTS_S)
    return 0


def make_plan(loaded: LoadedSettings, on_event: Callable[[Event], None]) -> Plan:
    """Load everything that the settings name. Raises ConfigError."""
    settings = loaded.settings
    ears = open_ears(settings, keyword_reader(settings))
    keyword_file = settings.keywords.expanduser() if settings.keywords else None
    name = settings.input[0]

    def read_keywords() -> KeywordList:
        return read_keyword_file(keyword_file, ears.tokenizer()) if keyword_file else KeywordList(ears.keywords)

    return Plan(
        settings=settings.daemon,
        model=ears.name(),
        engine=ears.engine,
        keyword_file=keyword_file,
        read_keywords=read_keywords,
        open_source=_opener(loaded),
        microphone=str(settings.device or "default") if name == MICROPHONE else name,
        reopens=name == MICROPHONE,
        on_event=on_event,
        connect=partial(_connect, ears),
    )


def _connect(ears: Ears, bus: Bus, reporter: Reporter) -> None:
    """Near misses and a fixed set that stands in are told of as events."""
    engine = ears.engine

    def trace(spotter: object) -> None:
        if isinstance(spotter, Spotter):
            spotter.on_near_miss = NearMissTeller(spotter, bus)

    def loaded(spotter: OpenSpotter) -> None:
        trace(spotter)
        reporter.loaded(ears.name(), spotter.keywords)

    if isinstance(engine, Listener):
        engine.on_degraded, engine.on_loaded = reporter.degraded, loaded
    trace(engine.spotter if isinstance(engine, Listener) else engine)


def _opener(loaded: LoadedSettings) -> Callable[[], Source]:
    """Opens the input; a microphone, from the second time on, after PortAudio has listed the devices afresh."""
    name, channel = loaded.settings.input[0], loaded.settings.channel
    if name != MICROPHONE:
        return lambda: open_source(name, None, channel)
    from kwsd.audio.portaudio import restart_portaudio  # noqa: PLC0415 - files and pipes do without

    attempts = 0

    def open_microphone() -> Source:
        nonlocal attempts
        attempts += 1
        if attempts > 1:
            restart_portaudio()
        return open_source(name, device(loaded), channel)

    return open_microphone
