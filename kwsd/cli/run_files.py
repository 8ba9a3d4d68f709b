"""`kwsd` in the foreground: source → spotter → print, one input after the other."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from kwsd.audio.level import LevelMeter, advice
from kwsd.audio.open import MICROPHONE, STDIN, open_source
from kwsd.audio.source import Source
from kwsd.cli.progress import progress_of
from kwsd.config import LoadedSettings, Settings
from kwsd.errors import FlagError, first_few
from kwsd.events import Degraded, Detection, Event, NearMiss
from kwsd.intents import Transcript
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.outlets.stdout import Report, Told, make_report
from kwsd.spotters.interface import Spotter
from kwsd.spotters.open import Reader, spotter_maker
from kwsd.stream import NO_SAMPLES, Chunk
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.timebase import seconds
from kwsd.why import sentences

if TYPE_CHECKING:
    from kwsd.config.transcripts import Transcripts
    from kwsd.daemon.order_texts import OrderTexts

logger = logging.getLogger(__name__)

LONGEST_TEXT_S = 3600.0  # each has a limit of its own
NOBODY_LISTENS = (
    "[transcripts] writes down what is said behind a keyword that listens, and there is none: "
    "write `listen = true` under a [[keyword]] of a TOML keyword file"
)
NO_KEYWORDS = """\
there is nothing to listen for; write phrases to a text file, one phrase per line:
  echo "lights on" > commands.txt && kwsd --keywords commands.txt
or take a list that comes with kwsd: kwsd --keywords demo.txt"""


def spot(loaded: LoadedSettings) -> int:
    """Hear every input of the settings; the exit code.

    Raises:
        KwsdError: a setting, the model, the keywords or an input are not usable.
    """
    settings = loaded.settings
    make_spotter = spotter_maker(settings, keyword_reader(settings))
    for name in settings.input[1:]:  # the last one's absence is told at once, not after the hours of the first
        if not is_live(name):
            open_source(name, channel=settings.channel, raw=settings.raw).close()
    with ExitStack() as opened:
        texts_of = transcriber_maker(settings.transcripts, make_spotter, opened)
        for name in settings.input:
            with closing(open_source(name, device(loaded), settings.channel, settings.raw)) as source:
                several = source.name if len(settings.input) > 1 else None
                with progress_of(source) as progress:
                    report = make_report(as_json=settings.json, source=several, write=progress.write)
                    printer, spotter = Printer(report), make_spotter()
                    texts = texts_of(spotter, printer.aside, may_wait=not is_live(name)) if texts_of else None
                    hear(source, spotter, printer, progress.advance, texts)
    return 0


def is_live(name: str) -> bool:
    """Whether the sound of this input may be made as it comes, and waits for nobody."""
    return name in {MICROPHONE, STDIN, "/dev/stdin", "/dev/fd/0"}


def hear(
    source: Source, spotter: Spotter, printer: Printer, advance: Callable[[int], None], texts: OrderTexts | None
) -> None:
    """One input from its first sample to its last, and all that is to be told of it."""
    began_s, level = time.monotonic(), LevelMeter()
    with ExitStack() as begun:
        if texts is not None:
            begun.callback(texts.finish, 0.0)  # should anything fail
        for chunk in source:
            level.push(chunk.samples)
            told = spotter.push(chunk)
            printer.tell(told)
            if texts is not None:
                texts.push(chunk, told)
            advance(chunk.samples.size)
        told = spotter.finish()
        printer.tell(told)
        if texts is not None:
            texts.push(Chunk(spotter.position_samples, NO_SAMPLES, source.name), told)
            texts.finish(LONGEST_TEXT_S)
            printer.tell(())
    if level.samples and (todo := advice(level.level)):
        logger.warning("%s: %s", source.name, todo.text)
    heard_s = seconds(spotter.position_samples)
    logger.debug("%s: %.1f s of sound in %.1f s", source.name, heard_s, time.monotonic() - began_s)


def transcriber_maker(
    settings: Transcripts, make_spotter: Callable[[], Spotter], opened: ExitStack
) -> partial[OrderTexts] | None:
    """Makes what writes down the orders of one input, None where nobody wants texts; what it ends goes to `opened`.

    Raises:
        ConfigError: there can be none.
    """
    if settings.transcriber == "off":
        return None
    from kwsd.daemon.order_texts import OrderTexts, transcribers_of  # noqa: PLC0415 - few want texts

    spotter = make_spotter()
    if not any(keyword.listen or keyword.then for keyword in spotter.keywords):
        logger.warning(NOBODY_LISTENS)
    transcribers = transcribers_of(settings, spotter)
    assert transcribers is not None  # noqa: S101 - not off
    opened.callback(transcribers.close)
    signal.signal(signal.SIGTERM, end_what_runs)
    return partial(OrderTexts, transcribers)


def keyword_reader(settings: Settings) -> Reader | None:
    """Reads the keyword file of the settings; None where there is none and none is needed.

    Raises:
        FlagError: there is nothing to listen for.
    """
    if settings.keywords is not None:
        return partial(load_keywords, settings.keywords)
    if settings.fallback.mode != "only" and settings.sentences is None:
        raise FlagError(NO_KEYWORDS)
    return None


def load_keywords(path: Path, tokenizer: PhraseTokenizer) -> Sequence[Keyword]:
    """The usable keywords of a file; what is wrong with the others goes to stderr as `file:line: what and why`."""
    found = read_keyword_file(path, tokenizer)
    for problem in first_few(map(str, found.problems)):
        logger.warning("%s", problem)
    logger.debug("%d keywords from %s", len(found.keywords), path)
    return found.keywords


def device(loaded: LoadedSettings) -> str | int | None:
    """The microphone to open: a number means something on the command line only, since numbers change."""
    from kwsd.audio.portaudio import device_from_command_line  # noqa: PLC0415 - files and pipes do without

    wanted = loaded.settings.device
    if wanted is not None and loaded.origins.get("device") == "--device":
        return device_from_command_line(wanted)
    return wanted


def end_what_runs(number: int, _frame: object) -> NoReturn:
    """SIGTERM, where programs of others run: they are ended too."""
    raise SystemExit(128 + number)


class Printer:
    """Reports what is for people, in whole lines from whatever thread; the rest of the events goes to the log."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._one_at_a_time = threading.Lock()
        self._left: list[Transcript] = []

    def tell(self, events: Sequence[Event]) -> None:
        """What was heard, on the thread that hears. Raises OSError: it cannot be written."""
        left, self._left = self._left, []
        for event in (*left, *events):
            if isinstance(event, Detection | NearMiss) and event.why is not None and logger.isEnabledFor(logging.DEBUG):
                logger.debug("%s", " ".join(sentences(event.keyword, event.why)))
            if isinstance(event, Told):
                with self._one_at_a_time:
                    self._report(event)
            elif isinstance(event, Degraded):
                logger.log(logging.WARNING if event.active else logging.INFO, "%s", event.reason)

    def aside(self, event: Transcript) -> None:
        """From another thread. What cannot be written is left to the one that hears, which is told why."""
        try:
            with self._one_at_a_time:
                self._report(event)
        except OSError:
            self._left.append(event)
