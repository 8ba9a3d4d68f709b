"""Keywords made ready for one model: token sequences, resolved rules, graph. Immutable; swapped in between chunks."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kwsd.errors import ConfigError
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import all_token_sequences
from kwsd.search.graph import ContextGraph, Entry
from kwsd.search.settings import SearchSettings
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.timebase import encoder_frames

SHORT_TOKENS = 5
"""Phrases of at most so many tokens come about by chance among other words. Asked of longer ones too, a higher score
lost a tenth of the wake words that are said in one breath with what follows (docs/decisions/0003)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one keyword must fulfil, defaults filled in, times in encoder frames."""

    boost: float
    threshold: float
    running_threshold: float
    min_score: float
    min_margin: float
    margin_per_token: float
    alone_margin: float
    trailing_blanks: int
    max_gap_frames: int
    min_duration_frames: int
    refractory_frames: int

    @classmethod
    def of(cls, keyword: Keyword, settings: SearchSettings) -> Rules:
        """The keyword's own values where it has them, else the stream's."""

        def pick(name: str) -> float:
            own = getattr(keyword, name)
            return float(getattr(settings, name) if own is None else own)

        return cls(
            boost=pick("boost"),
            threshold=pick("threshold"),
            running_threshold=settings.running_threshold if keyword.threshold is None else 0.0,
            min_score=pick("min_score"),
            min_margin=settings.min_margin,
            margin_per_token=settings.margin_per_token,
            alone_margin=settings.alone_margin,
            trailing_blanks=int(pick("trailing_blanks")),
            max_gap_frames=encoder_frames(pick("max_gap_s")),
            min_duration_frames=encoder_frames(pick("min_duration_s")),
            refractory_frames=encoder_frames(pick("refractory_s")),
        )

    def least_running_score(self, tokens: int) -> float:
        """The mean posterior that a phrase of so many tokens needs among other words, where `threshold` is less."""
        return self.running_threshold if tokens <= SHORT_TOKENS else 0.0

    def least_margin(self, tokens: int) -> float:
        """How much less probable than the best reading, nats, a phrase of so many tokens may be."""
        return self.min_margin + tokens * self.margin_per_token


@dataclass(frozen=True, slots=True)
class KeywordSet:
    """All that a search needs to know of its keywords."""

    keywords: tuple[Keyword, ...]
    rules: tuple[Rules, ...]
    """One per keyword."""
    graph: ContextGraph
    word_starts: frozenset[int]
    """Tokens that may begin a new word."""
    marks_words: bool = True
    """Whether tokens tell where words begin; phones do not."""

    @property
    def max_gap_frames(self) -> int:
        """The longest gap that any keyword allows."""
        return max((rules.max_gap_frames for rules in self.rules), default=0)


def compile_keywords(
    keywords: Sequence[Keyword], tokenizer: PhraseTokenizer, vocabulary_size: int, settings: SearchSettings
) -> KeywordSet:
    """Tokenise all enabled keywords and build their graph.

    Raises:
        ConfigError: a keyword cannot be written in the model's pieces; the message names it.
    """
    with _collector_off():
        return _compiled(keywords, tokenizer, vocabulary_size, settings)


def _compiled(
    keywords: Sequence[Keyword], tokenizer: PhraseTokenizer, vocabulary_size: int, settings: SearchSettings
) -> KeywordSet:
    enabled = tuple(keyword for keyword in keywords if keyword.enabled)
    rules = tuple(Rules.of(keyword, settings) for keyword in enabled)
    try:
        listed = all_token_sequences(enabled, tokenizer)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    entries = [
        Entry(index, sequence.tokens, rules[index].boost, rules[index].trailing_blanks)
        for index, sequences in enumerate(listed)
        for sequence in sequences
    ]
    word_starts = frozenset(token for token in range(vocabulary_size) if tokenizer.is_word_start(token))
    return KeywordSet(enabled, rules, ContextGraph(entries), word_starts, len(word_starts) < vocabulary_size)


@contextmanager
def _collector_off() -> Iterator[None]:
    """A large graph grows and nothing of it is garbage: looking for some took half the time of 10 000 keywords."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
