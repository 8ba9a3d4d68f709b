"""From settings to the transcriber that they ask for."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kwsd.acoustic.model import Model
from kwsd.config.transcripts import Transcripts
from kwsd.errors import ConfigError, TranscriptError
from kwsd.quick_dataclass import dataclass
from kwsd.transcripts.command import CommandTranscriber
from kwsd.transcripts.interface import Transcriber
from kwsd.transcripts.pipeline import PipelineTranscriber, pipeline_process
from kwsd.transcripts.transducer import TransducerTranscriber, check_writes_words

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Transcribers:
    """Makes a transcriber for each utterance; nothing runs before the first."""

    name: str
    """As in the settings."""
    make: Callable[[], Transcriber]
    """Raises TranscriptError: there can be none now."""
    close: Callable[[], None]
    """Nobody wants one any more: what still runs is ended."""


def open_transcribers(settings: Transcripts, hearing: Callable[[], Model | None]) -> Transcribers | None:
    """What the settings ask for; None where that is nothing. `hearing` gives the model that hears now, if one does.

    Raises:
        ConfigError: what they ask for is not there, or cannot write words.
    """
    kind = settings.transcriber
    if kind == "off":
        for name, value in (("pipeline", settings.pipeline), ("command", settings.command)):
            if value is not None:
                logger.warning(
                    'transcripts.%s: does nothing while transcriber is off; set transcriber = "%s"', name, name
                )
        return None
    if kind == "transducer":
        model = hearing()
        try:
            if model is not None:
                check_writes_words(model)
        except TranscriptError as error:
            raise ConfigError(f"transcripts.transcriber: {error}") from error
        return Transcribers(kind, lambda: TransducerTranscriber(or_refuse(hearing())), lambda: None)
    which = settings.pipeline if kind == "pipeline" else settings.command
    if which is None:
        raise ConfigError(f'transcripts.{kind}: is to be set where transcriber = "{kind}"')
    if kind == "command":
        CommandTranscriber(which, settings.timeout_s)  # tells now that there is no such program
        return Transcribers(kind, lambda: CommandTranscriber(which, settings.timeout_s), lambda: None)
    process = pipeline_process(
        which,
        allow_downloads=settings.allow_downloads,
        trust_code=settings.trust_code,
        timeout_s=settings.timeout_s,
        idle_s=60 * settings.idle_minutes,
    )
    return Transcribers(kind, lambda: PipelineTranscriber(process), process.kill)


def or_refuse(model: Model | None) -> Model:
    """The model. Raises TranscriptError: there is none."""
    if model is None:
        raise TranscriptError("only the fixed words are heard at the moment, and no model that could write")
    return model
