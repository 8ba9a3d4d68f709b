"""How this person says a keyword: candidate pronunciations, which of them to add, and the threshold for all of them.

Candidates come from the lexicon and the letters, and from what the model hears in the takes with no phrase in mind.
What one is worth is asked of takes that it does not come from, so that three takes do not flatter themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.stream import Float32, Frames
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.tuning.hear import Heard, listen, threshold_for
from kwsd.tuning.pronounce import Tokens, likeliest, log_likelihood
from kwsd.units import WORD_START

READINGS = 5  # of each take
SHORTEST_TOKENS = 3  # a shorter one is heard in anything
TRIED = 5  # of the candidates, the likeliest, are held against the background
MOST_ADDED = 3
FAR_NATS = -15.0  # behind the best reading: as good as never
SOFT = 0.06  # of score: how much another saying of the same differs from a take
WORTH = 0.04  # of recall that an added spelling must bring: less is chance
NOW = "/"  # what the keyword as it is now is called among spellings, of which none is that
SAME_S = 0.5  # hits of two spellings this near are one

TakeFrames = tuple[Frames, ...]


@dataclass(frozen=True, slots=True)
class Pronunciation:
    """A way to say the keyword."""

    tokens: Tokens
    spelling: str
    """As a keyword file takes it."""
    takes: frozenset[int]
    """Numbers of the takes that it was heard in; of none where it comes from the lexicon or the letters."""


@dataclass(frozen=True, slots=True)
class Background:
    """Sound in which nobody says the keyword, as kept frames."""

    frames: Iterable[Frames]
    hours: float


@dataclass(frozen=True, slots=True)
class Material:
    """What a choice is made from: nothing is heard again for another one."""

    candidates: tuple[Pronunciation, ...]
    scores: Mapping[str, Sequence[float]]
    """Of each spelling (and NOW) in each take; 0 where it was not heard."""
    false: Mapping[str, Sequence[Heard]]
    """Of each in the background."""
    hours: float
    per_hour: float
    """False hits that are put up with."""
    least: float
    """No threshold goes below it: the model's own."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Spellings to add, and the threshold that goes with all of the keyword."""

    spellings: tuple[str, ...]
    threshold: float
    recall: float
    """To be expected of further sayings, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What enrolling found."""

    before: Keyword
    after: Keyword
    """The same as before where nothing better was found."""
    before_threshold: float
    """At which the keyword as it was has as few false hits."""
    heard_before: tuple[bool, ...]
    """Each take, by the keyword as it was at that threshold."""
    heard_after: tuple[bool, ...]
    """Each take, by what the other takes alone would have led to."""
    hours: float
    """Of background; 0 without."""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What the model makes of a take with no phrase in mind."""

    sound: Float32
    """Its encoder frames (n, C)."""
    likeliest: tuple[tuple[Tokens, float], ...]
    """Token sequences with their log-probabilities, the best first."""


def read_frames(model: Model, take: Iterable[Frames]) -> Reading:
    """The reading of a take."""
    sound = np.concatenate([frames.encoder_out for frames in take if frames.encoder_out is not None])
    return Reading(sound, tuple(likeliest(sound, model.transducer, READINGS)))


def spelling_of(tokens: Tokens, tokenizer: PhraseTokenizer) -> str | None:
    """What a keyword file writes so that the tokenizer gives these tokens again; None where it cannot be written."""
    pieces = tokenizer.pieces(tokens)
    for text in (f"/{' '.join(pieces).removeprefix(WORD_START)}/", " ".join(pieces)):
        try:
            if next(tokenizer.encodings(text)) == tokens:
                return text
        except ValueError:
            continue
    return None


def find_candidates(model: Model, keyword: Keyword, readings: Sequence[Reading]) -> list[Pronunciation]:
    """Ways to say it that the keyword does not have yet, the likeliest over all takes first."""
    tokenizer, acoustics = model.tokenizer, model.transducer
    known = {way for text in (keyword.phrase, *keyword.spellings) for way in _ways(text, tokenizer)}
    sources: dict[Tokens, set[int]] = {way: set() for way in _by_letters(keyword.phrase, tokenizer)}
    for number, reading in enumerate(readings):
        for tokens, _ in reading.likeliest:
            sources.setdefault(tokens, set()).add(number)
    worth: dict[Tokens, float] = {}
    for tokens, heard_in in sources.items():
        fits = len(tokens) >= SHORTEST_TOKENS and tokenizer.is_word_start(tokens[0]) and tokens not in known
        if fits and spelling_of(tokens, tokenizer):
            others = [each for number, each in enumerate(readings) if heard_in != {number}]
            margins = [log_likelihood(each.sound, tokens, acoustics) - each.likeliest[0][1] for each in others]
            worth[tokens] = sum(max(margin, FAR_NATS) for margin in margins) / len(others) if others else FAR_NATS
    ranked = sorted(worth, key=lambda tokens: -worth[tokens])
    return [
        Pronunciation(tokens, spelling_of(tokens, tokenizer) or "", frozenset(sources[tokens])) for tokens in ranked
    ]


def _ways(text: str, tokenizer: PhraseTokenizer) -> list[Tokens]:
    try:
        return list(tokenizer.encodings(text))
    except ValueError:
        return []


def _by_letters(phrase: str, tokenizer: PhraseTokenizer) -> list[Tokens]:
    """As the lexicon says it, with hyphens instead of blanks, and letter by letter."""
    texts = (phrase, phrase.replace(" ", "-"), " ".join(letter for letter in phrase if letter.isalpha()))
    return [way for text in texts for way in _ways(text, tokenizer)]


def choose(known: Material, takes: Sequence[int]) -> Choice:
    """What is best to add by these takes, if anything is.

    The expected recall counts a take as heard the more, the further its score is above the threshold; a candidate
    counts only for takes that it does not come from alone.
    """
    now = Choice((), known.least, _recall(known, (), known.least, takes))
    best = now
    usable = [each for each in known.candidates if not each.takes or each.takes & set(takes)]
    for count in range(1, MOST_ADDED + 1):
        for added in combinations(usable, count):
            threshold = common_threshold(known, [each.spelling for each in added])
            choice = Choice(tuple(each.spelling for each in added), threshold, _recall(known, added, threshold, takes))
            if choice.recall > max(best.recall, now.recall) + (WORTH if best is now else WORTH / 4):
                best = choice
    return best


def common_threshold(known: Material, spellings: Sequence[str]) -> float:
    """The lowest at which the keyword with these spellings added has few enough false hits."""
    false = sorted((hit for each in (NOW, *spellings) for hit in known.false[each]), key=lambda hit: hit.end_s)
    merged: list[Heard] = []
    for hit in false:
        if merged and hit.start_s < merged[-1].end_s + SAME_S:
            merged[-1] = max(merged[-1], hit, key=lambda each: each.score)
        else:
            merged.append(hit)
    return threshold_for((hit.score for hit in merged), known.hours, known.per_hour, known.least)


def _recall(known: Material, added: Sequence[Pronunciation], threshold: float, takes: Sequence[int]) -> float:
    heard = 0.0
    for take in takes:
        others = (known.scores[each.spelling][take] for each in added if each.takes != {take})
        best = max([known.scores[NOW][take], *others])
        heard += 1 / (1 + math.exp((threshold - best) / SOFT))
    return heard / len(takes)


def score_takes(
    model: Model, keyword: Keyword, takes: Sequence[TakeFrames], settings: SearchSettings
) -> tuple[float, ...]:
    """How sure a keyword would be of each take; 0 where it is not heard at any threshold."""
    found = (listen(model, [keyword], take, settings)[keyword.label] for take in takes)
    return tuple(max((hit.score for hit in hits), default=0.0) for hits in found)


def alone(candidate: Pronunciation) -> Keyword:
    """A keyword that is said in this one way only."""
    return Keyword(candidate.spelling, name=candidate.spelling, written_forms=False)


def enrol(
    model: Model,
    keyword: Keyword,
    takes: Sequence[TakeFrames],
    background: Background | None,
    *,
    per_hour: float = 0.3,
    settings: SearchSettings | None = None,
    done: Callable[[str], None] = lambda _what: None,
) -> Enrolment:
    """Find out how this person says a keyword; `done` is told of each step. Raises ConfigError as compiling does."""
    search = (settings or SearchSettings()).over(model.description.search)
    candidates = tuple(find_candidates(model, keyword, [read_frames(model, take) for take in takes])[:TRIED])
    now = replace(keyword, name=NOW)
    done("candidates")
    tried = [now, *map(alone, candidates)]
    scores = {each.label: score_takes(model, each, takes, search) for each in tried}
    done("takes")
    false: dict[str, list[Heard]] = {each.label: [] for each in tried}
    if background is not None:
        false = listen(model, tried, background.frames, search)
    done("background")
    hours = background.hours if background else 0.0
    least = search.threshold if background else max(search.threshold, search.running_threshold)
    known = Material(candidates, scores, false, hours, per_hour, least)
    every = range(len(takes))
    chosen = choose(known, every)
    after = keyword
    if chosen.spellings:
        after = replace(keyword, spellings=(*keyword.spellings, *chosen.spellings), threshold=chosen.threshold)
    before_threshold = common_threshold(known, ())
    return Enrolment(
        before=keyword,
        after=after,
        before_threshold=before_threshold,
        heard_before=tuple(score >= before_threshold for score in scores[NOW]),
        heard_after=tuple(is_heard_left_out(known, take) for take in every),
        hours=hours,
    )


def is_heard_left_out(known: Material, take: int) -> bool:
    """Whether a take is heard by what the others lead to."""
    choice = choose(known, [other for other in range(len(known.scores[NOW])) if other != take])
    return any(known.scores[each][take] >= choice.threshold for each in (NOW, *choice.spellings))
