"""From settings to the engine that hears: the open vocabulary alone, or together with the fixed set."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kwsd.acoustic.model import Model
from kwsd.config import Settings
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.phrases import Spotter
from kwsd.text.phrase_tokenizer import PhraseTokenizer

if TYPE_CHECKING:
    from kwsd.spotters.paired import Listener

Reader = Callable[[PhraseTokenizer], Sequence[Keyword]]
"""Reads the user's keywords for a tokenizer. Raises KeywordFileError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ears:
    """What hears, and what it was made from."""

    engine: "Spotter | Listener"
    name: Callable[[], str]
    """What to call the models that hear now."""
    keywords: tuple[Keyword, ...]
    tokenizer: Callable[[], PhraseTokenizer]
    """The one that keywords are to be read with now."""


def open_ears(settings: Settings, read: Reader | None) -> Ears:
    """Load what the settings ask for; without `read` the fixed set's own words are the keywords.

    Raises:
        ConfigError: a model or the keywords are not usable.
    """
    if settings.fallback.mode != "off":
        from kwsd.spotters.open_fixed import open_with_fixed_set  # noqa: PLC0415 - the usual case does without

        return open_with_fixed_set(settings, read)
    model = Model.load(settings.model)
    keywords = tuple(read(model.tokenizer)) if read else ()
    spotter = Spotter(model, keywords, settings.search)
    return Ears(engine=spotter, name=lambda: model.name, keywords=keywords, tokenizer=lambda: model.tokenizer)
