"""The modes of `--fallback` that use the fixed set of commands."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from kwsd.acoustic.model import Model
from kwsd.commands12.model import CommandModel, find_model
from kwsd.commands12.settings import FallbackSettings
from kwsd.commands12.stream import CommandSpotter
from kwsd.commands12.vocabulary import CommandTokenizer
from kwsd.config import Settings
from kwsd.errors import ConfigError, KeywordFileError, ModelError
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.model_retry import Revival
from kwsd.spotters.open import Ears, Reader
from kwsd.spotters.paired import Listener
from kwsd.spotters.phrases import Spotter
from kwsd.text.phrase_tokenizer import PhraseTokenizer

logger = logging.getLogger(__name__)


class OpenVocabulary:
    """The other engine, which may not be there yet."""

    def __init__(self, settings: Settings, read: Reader | None) -> None:
        self._settings, self._read = settings, read
        self.model: Model | None = None

    def load(self, _: Sequence[Keyword] = ()) -> Spotter:
        """Make the engine for the keywords as they are on disk now. Raises ConfigError."""
        model = Model.load(self._settings.model)
        keywords = self._read(model.tokenizer) if self._read else ()
        spotter = Spotter(model, keywords, self._settings.search)
        self.model = model
        return spotter


def open_with_fixed_set(settings: Settings, read: Reader | None) -> Ears:
    """Load the fixed set and, unless it is to be alone, the open vocabulary.

    Raises:
        ConfigError: a model or the keywords are not usable.
    """
    mode = settings.fallback.mode
    model = find_model(settings.fallback.engine)
    commands = CommandSpotter(model, fallback_settings(settings, model))
    fixed = CommandTokenizer(commands.words)
    other = OpenVocabulary(settings, read)
    spotter = None if mode == "only" else _load(other, needed=mode == "alongside")
    keywords = spotter.keywords if spotter else _own_keywords(commands, read, fixed, needed=mode == "only")
    listener = Listener(
        commands,
        spotter,
        keywords,
        alongside=mode == "alongside",
        revival=Revival(other.load) if mode == "auto" else None,
    )

    def tokenizer() -> PhraseTokenizer:
        return other.model.tokenizer if other.model else fixed

    def name() -> str:
        return f"{other.model.name} + {model.name}" if other.model else model.name

    return Ears(engine=listener, name=name, keywords=keywords, tokenizer=tokenizer)


def fallback_settings(settings: Settings, model: CommandModel) -> FallbackSettings:
    """The record that the fixed set takes.

    Raises:
        ConfigError: a word is none of the model's.
    """
    section = settings.fallback
    strangers = [word for word in section.words if word not in model.words]
    if strangers:
        raise ConfigError(f"fallback.words: {', '.join(strangers)}: choose from {', '.join(model.words)}")
    given = {} if section.threshold is None else dict.fromkeys(model.words, section.threshold)
    return FallbackSettings(
        engine=section.engine,
        hop_s=section.hop_s,
        hold_s=section.hold_s,
        alone=section.alone,
        refractory_s=section.refractory_s,
        thresholds=given,
        words=section.words,
    )


def _load(other: OpenVocabulary, *, needed: bool) -> Spotter | None:
    """The open vocabulary; None where it cannot be loaded and need not be."""
    try:
        return other.load()
    except ModelError as error:
        if needed:
            raise
        logger.warning("%s", error)
        return None


def _own_keywords(
    commands: CommandSpotter, read: Reader | None, fixed: CommandTokenizer, *, needed: bool
) -> tuple[Keyword, ...]:
    """Keywords while the fixed set is alone: those of the user's that it can hear, or simply its words."""
    words = tuple(Keyword(word) for word in commands.words)
    if read is None:
        return words
    try:
        return tuple(read(fixed))
    except KeywordFileError:
        if needed:
            raise
        return words
