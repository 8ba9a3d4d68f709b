"""From settings to the spotter that hears: phrases, the fixed words, or both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kwsd import limits
from kwsd.config.settings import Settings
from kwsd.errors import KeywordFileError, ModelError, first_few
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.interface import Spotter
from kwsd.text.phrase_tokenizer import PhraseTokenizer

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.sentences.compile import CompiledSentences
    from kwsd.spotters.phrases import PhraseSpotter

logger = logging.getLogger(__name__)

NOTHING_FOLLOWS = (
    "the fixed words alone tell no speech from silence: `listen` and `then` of keywords do nothing; "
    "--fallback alongside hears both"
)
NO_SENTENCES = "the fixed words alone hear no sentences: `sentences` does nothing; --fallback alongside hears both"
Reader = Callable[[PhraseTokenizer], Sequence[Keyword]]
"""Reads the user's keywords for a tokenizer. Raises KeywordFileError."""
Loader = Callable[[str, limits.ChunkMs], "Model"]
"""The model of a name or directory, for chunks of so many milliseconds. Raises ModelError."""


def spotter_maker(settings: Settings, read: Reader | None, load: Loader | None = None) -> Callable[[], Spotter]:
    """Load what the settings ask for → makes a spotter for each stream, which is cheap. Raises ConfigError.

    Without `read` the fixed words are the keywords; `load` is `Model.load`, unless models are shared otherwise.
    """
    mode = settings.fallback.mode
    open_vocabulary = OpenVocabulary(settings, read, load)
    if mode == "off":
        return open_vocabulary.load()
    from kwsd.commands12.model import find_model  # noqa: PLC0415 - 20 ms that most, who hear phrases alone, need not pay
    from kwsd.commands12.vocabulary import CommandTokenizer  # noqa: PLC0415 - likewise
    from kwsd.spotters.fixed import FixedSpotter  # noqa: PLC0415 - likewise
    from kwsd.spotters.model_retry import ModelRetry  # noqa: PLC0415 - likewise
    from kwsd.spotters.paired import PairedSpotter  # noqa: PLC0415 - likewise

    model = find_model(settings.fallback.engine)
    unread = ""
    try:
        fixed_keywords = read(CommandTokenizer(model.words)) if read else None
    except KeywordFileError as error:
        words = ", ".join(settings.fallback.words or model.words)
        if mode == "only":
            raise KeywordFileError(f"{error}\nwithout a model these are heard: {words}") from error
        fixed_keywords, unread = None, f"\n{error}\nuntil there is a model these are heard: {words}"
    if mode == "only":
        if any(keyword.listen or keyword.then for keyword in fixed_keywords or ()):
            logger.warning(NOTHING_FOLLOWS)
        if settings.sentences is not None:
            logger.warning(NO_SENTENCES)
        return lambda: FixedSpotter(model, settings.fallback, fixed_keywords)
    try:
        open_vocabulary.load()
    except ModelError as error:
        if mode == "alongside":
            raise
        logger.warning("%s%s", error, unread)
    return lambda: PairedSpotter(
        FixedSpotter(model, settings.fallback, fixed_keywords),
        open_vocabulary.make() if open_vocabulary.make else None,
        alongside=mode == "alongside",
        retry=ModelRetry(lambda keywords: open_vocabulary.load(keywords)()) if mode == "auto" else None,
    )


def read_sentences(path: Path, model: Model) -> CompiledSentences:
    """The usable sentences of a file; what is wrong with the others is logged as `file:line: what and why`.

    Raises:
        KwsdError: none can be used, or hassil is not installed.
    """
    from kwsd.sentences.compile import compile_sentences  # noqa: PLC0415 - few have sentences
    from kwsd.sentences.files import read_sentence_file  # noqa: PLC0415 - likewise

    compiled = compile_sentences(read_sentence_file(path), model.tokenizer, model.description.language)
    for problem in first_few(map(str, compiled.listed.problems)):
        logger.warning("%s", problem)
    return compiled


class OpenVocabulary:
    """The model that hears phrases, and the user's keywords for it; both may come late."""

    def __init__(self, settings: Settings, read: Reader | None, load: Loader | None) -> None:
        self._settings, self._read, self._load_model = settings, read, load
        self.make: Callable[[], PhraseSpotter] | None = None
        """Makes a spotter for a new stream; None until the model is loaded."""

    def load(self, keywords: Sequence[Keyword] | None = None) -> Callable[[], PhraseSpotter]:
        """Load the model and make keywords ready, by default those on disk now → `make`. Raises ConfigError."""
        from kwsd.acoustic.model import Model  # noqa: PLC0415 - the fixed words alone do without, and stay small
        from kwsd.spotters.phrases import PhraseSpotter  # noqa: PLC0415 - likewise

        load, search = self._load_model or Model.load, self._settings.search
        model = load(self._settings.model, self._settings.chunk_ms)
        if keywords is None:
            keywords = self._read(model.tokenizer) if self._read else ()
        compiled = PhraseSpotter(model, keywords, search).compiled
        settings = self._settings
        how: dict[str, Any] = {
            "quiet_gate": settings.quiet_gate,
            "automatic_gain": settings.automatic_gain,
            "orders": settings.orders,
        }
        self.make = partial(PhraseSpotter, model, compiled, search, **how)
        if self._settings.sentences is not None:
            from kwsd.spotters.sentences import SentenceSpotter  # noqa: PLC0415 - few have sentences

            sentences, intents = read_sentences(self._settings.sentences, model), self._settings.intents
            spotter = partial(SentenceSpotter, sentences=sentences, intents=intents, **how)
            self.make = partial(spotter, model, compiled, search)
        return self.make
