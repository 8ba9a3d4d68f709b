"""`kwsd` as a service: a microphone, or anything with a socket, is heard by the daemon."""

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from queue import Full, Queue
from threading import Thread

from kwsd.acoustic.model import Model
from kwsd.audio.opening import MICROPHONE, open_source
from kwsd.audio.source import Source
from kwsd.cli.printer import make_report, write_line
from kwsd.cli.spot import device, load_keywords
from kwsd.config import FlagError, LoadedSettings, Settings
from kwsd.daemon import Door, Plan, run_daemon
from kwsd.events import Detection
from kwsd.search.keyword_file import read_keyword_file
from kwsd.serve.records import DetectionEvent, Event
from kwsd.spotter import Spotter

PRINTED_LATE = 1024  # detections that a slow reader of standard output may be behind


def is_service(settings: Settings) -> bool:
    """Whether the daemon is what these settings ask for."""
    return settings.input == (MICROPHONE,) or settings.daemon.socket is not None


def serve(loaded: LoadedSettings) -> int:
    """Run until a signal, or until a file or pipe ends; the exit code.

    Raises:
        KwsdError: a setting, the model or the keywords are not usable, or another kwsd is there already.
    """
    settings = loaded.settings
    if len(settings.input) > 1:
        raise FlagError(f"--input: the daemon hears one input, not {len(settings.input)}; run one daemon for each")
    door = Door.open(settings.daemon)
    try:
        run_daemon(make_plan(loaded), door)
    finally:
        door.close()
    return 0


def make_plan(loaded: LoadedSettings) -> Plan:
    """Load everything that the settings name. Raises ConfigError."""
    settings = loaded.settings
    if settings.keywords is None:
        raise FlagError("there is nothing to listen for: give --keywords FILE")
    keyword_file = settings.keywords.expanduser()
    model = Model.load(settings.model)
    keywords = load_keywords(keyword_file, model)
    name = settings.input[0]
    return Plan(
        settings=settings.daemon,
        model=model.name,
        engine=Spotter(model, keywords, settings.search.to_search_settings()),
        keywords=keywords,
        keyword_file=keyword_file,
        read_keywords=partial(read_keyword_file, keyword_file, model.tokenizer),
        open_source=_opener(loaded),
        microphone=str(settings.device or "default") if name == MICROPHONE else name,
        reopens=name == MICROPHONE,
        on_event=_printer(settings),
    )


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


def _printer(settings: Settings) -> Callable[[Event], None]:
    """Prints detections on a thread of its own: whoever reads standard output may be slow, or stop."""
    lines: Queue[Detection] = Queue(PRINTED_LATE)
    report = make_report(as_json=settings.json_lines, source=None, write=write_line)
    Thread(target=_print, args=(lines, report), name="print", daemon=True).start()

    def on_event(event: Event) -> None:
        if isinstance(event, DetectionEvent):
            _put(lines, Detection(**event.model_dump(exclude={"id", "time"})))

    return on_event


def _put(lines: Queue[Detection], detection: Detection) -> None:
    try:
        lines.put_nowait(detection)
    except Full:
        lines.get_nowait()
        lines.put_nowait(detection)


def _print(lines: Queue[Detection], report: Callable[[Detection], None]) -> None:
    while True:
        try:
            report(lines.get())
        except OSError:  # the reader is gone, or the terminal closed: nobody wants us any more
            sys.stdout = None
            os.kill(os.getpid(), signal.SIGTERM)
            return
