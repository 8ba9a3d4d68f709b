"""`kwsd` in the foreground: source → spotter → print, one input after the other."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from kwsd.audio.level import LevelMeter, advice
from kwsd.audio.open import MICROPHONE, STDIN, open_source
from kwsd.cli.progress import progress_of
from kwsd.config import LoadedSettings, Settings
from kwsd.errors import FlagError, first_few
from kwsd.events import Degraded, Detection, Event, NearMiss
from kwsd.intents import Intent
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.outlets.stdout import Report, make_report
from kwsd.spotters.open import Reader, spotter_maker
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.timebase import seconds
from kwsd.why import sentences

logger = logging.getLogger(__name__)

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
        if name not in {MICROPHONE, STDIN, "/dev/stdin", "/dev/fd/0"}:
            open_source(name, channel=settings.channel, raw=settings.raw).close()
    for name in settings.input:
        source = open_source(name, device(loaded), settings.channel, settings.raw)
        try:
            spotter = make_spotter()
            several = source.name if len(settings.input) > 1 else None
            began_s = time.monotonic()
            with progress_of(source) as progress:
                report = make_report(as_json=settings.json, source=several, write=progress.write)
                level = LevelMeter()
                for chunk in source:
                    level.push(chunk.samples)
                    _tell(spotter.push(chunk), report)
                    progress.advance(chunk.samples.size)
                _tell(spotter.finish(), report)
            if level.samples and (todo := advice(level.level)):
                logger.warning("%s: %s", source.name, todo.text)
            heard_s = seconds(spotter.position_samples)
            logger.debug("%s: %.1f s of sound in %.1f s", source.name, heard_s, time.monotonic() - began_s)
        finally:
            source.close()
    return 0


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


def _tell(events: Sequence[Event], report: Report) -> None:
    """Detections go to the report, what changes about hearing to the log, and with -v what decided."""
    for event in events:
        if isinstance(event, Detection | NearMiss) and event.why is not None and logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s", " ".join(sentences(event.keyword, event.why)))
        if isinstance(event, Detection | Intent):
            report(event)
        elif isinstance(event, Degraded):
            logger.log(logging.WARNING if event.active else logging.INFO, "%s", event.reason)
