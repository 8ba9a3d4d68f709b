"""Keywords made ready for a model that is loaded."""

from __future__ import annotations

from collections.abc import Sequence

from kwsd.acoustic.model import Model
from kwsd.keywords.compile import CompiledKeywords, compile_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings


def compile_for(model: Model, keywords: Sequence[Keyword], settings: SearchSettings) -> CompiledKeywords:
    """For any number of spotters of that model; slow.

    Raises:
        ConfigError: a keyword cannot be written in the model's pieces.
    """
    size = model.transducer.vocabulary_size
    return compile_keywords(keywords, model.tokenizer, size, settings, model.description.confidence)
