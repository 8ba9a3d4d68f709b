"""Keywords made ready for one model: token sequences, limits, graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from kwsd.errors import ConfigError
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.kept_sequences import known_token_sequences
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.search.confidence import Confidence
from kwsd.search.graph import ContextGraph, TokenSequence
from kwsd.search.keyword_set import KeywordLimits, KeywordSet
from kwsd.search.settings import SearchSettings
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.timebase import encoder_frames, samples


@dataclass(frozen=True, slots=True)
class CompiledKeywords:
    """Keywords made ready for one model: any number of spotters of it may share them."""

    keywords: tuple[Keyword, ...]
    """Those that are enabled; a hit names one by its place here."""
    searched: KeywordSet
    behind: Mapping[str, ListBehind] = field(default_factory=dict)
    """Keyword's phrase → the list that it arms."""

    switched_off: tuple[Keyword, ...] = ()
    """Those of the list that are not listened for."""
    listening: frozenset[str] = field(init=False)
    """Names of those behind which an order is listened for, in the lists that they arm too."""

    def __post_init__(self) -> None:
        """Look through the list once: every hit wants to know."""
        own = frozenset(keyword.label for keyword in self.keywords if keyword.listen)
        listening = own.union(*(each.compiled.listening for each in self.behind.values()))
        object.__setattr__(self, "listening", listening)

    def without_misses(self) -> CompiledKeywords:
        """The same, of which what was nearly said is not told: the graph is shared, the hits are the same."""
        return replace(
            self,
            searched=replace(self.searched, tells_misses=False),
            behind={
                phrase: replace(each, compiled=each.compiled.without_misses()) for phrase, each in self.behind.items()
            },
        )

    def longest_pause(self, frames: int) -> int:
        """Segments of so many frames that a phrase may pause for in the middle."""
        lists = [self, *(behind.compiled for behind in self.behind.values())]
        return -(-max(each.searched.max_gap_frames for each in lists) // frames)


@dataclass(frozen=True, slots=True)
class ListBehind:
    """Keywords that are listened for behind another one."""

    compiled: CompiledKeywords
    armed_samples: int
    """For so long after it."""


def compile_keywords(
    keywords: Sequence[Keyword],
    tokenizer: PhraseTokenizer,
    vocabulary_size: int,
    settings: SearchSettings,
    confidence: Confidence | None = None,
) -> CompiledKeywords:
    """Tokenise all enabled keywords and build their graph, and those of the lists that they arm.

    Raises:
        ConfigError: a keyword cannot be written in the model's pieces, or the list behind it is not usable; the message
            names it.
    """
    enabled = tuple(keyword for keyword in keywords if keyword.enabled)
    lists = {
        file: compile_keywords(
            read_keyword_file(Path(file), tokenizer, is_behind=True).keywords,
            tokenizer,
            vocabulary_size,
            settings,
            confidence,
        )
        for file in sorted({keyword.then for keyword in enabled} - {""})
    }
    return CompiledKeywords(
        enabled,
        keyword_set(enabled, tokenizer, vocabulary_size, settings, confidence),
        {each.phrase: ListBehind(lists[each.then], samples(each.then_s)) for each in enabled if each.then},
        tuple(keyword for keyword in keywords if not keyword.enabled),
    )


def keyword_set(
    keywords: Sequence[Keyword],
    tokenizer: PhraseTokenizer,
    vocabulary_size: int,
    settings: SearchSettings,
    confidence: Confidence | None,
) -> KeywordSet:
    """What the search takes. Raises ConfigError: a keyword cannot be written in the model's pieces."""
    try:
        listed = known_token_sequences(keywords, tokenizer)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    sequences = []
    for index, (keyword, found) in enumerate(zip(keywords, listed, strict=True)):
        boost, blanks = _own(keyword, settings, "boost"), _own(keyword, settings, "trailing_blanks")
        sequences += [TokenSequence(each.tokens, each.spelling, index, boost, blanks) for each in found]
    limits: dict[KeywordLimits, KeywordLimits] = {}  # most keywords have the same: one record serves them all
    word_starts = frozenset(token for token in range(vocabulary_size) if tokenizer.is_word_start(token))
    return KeywordSet(
        labels=tuple(keyword.label for keyword in keywords),
        limits=tuple(limits.setdefault(each, each) for each in (_limits(keyword, settings) for keyword in keywords)),
        graph=ContextGraph(sequences),
        word_starts=word_starts,
        marks_words=len(word_starts) < vocabulary_size,
        beam=settings.beam,
        beam_delta=settings.beam_delta,
        confidence=confidence,
    )


def _own(keyword: Keyword, settings: SearchSettings, name: str) -> Any:
    """The keyword's own value where it has one, else the stream's."""
    value = getattr(keyword, name)
    return getattr(settings, name) if value is None else value


def _limits(keyword: Keyword, settings: SearchSettings) -> KeywordLimits:
    """In encoder frames; a threshold that the user gave holds among other words too."""
    return KeywordLimits(
        threshold=_own(keyword, settings, "threshold"),
        running_threshold=settings.running_threshold if keyword.threshold is None else 0.0,
        min_score=_own(keyword, settings, "min_score"),
        min_margin=settings.min_margin,
        margin_per_token=settings.margin_per_token,
        alone_margin=settings.alone_margin,
        max_gap_frames=encoder_frames(_own(keyword, settings, "max_gap_s")),
        min_duration_frames=encoder_frames(_own(keyword, settings, "min_duration_s")),
        refractory_frames=encoder_frames(_own(keyword, settings, "refractory_s")),
    )
