"""How this person says a keyword: candidate pronunciations, which of them to add, and the threshold for all of them.

Candidates come from the lexicon and the letters, and from what the model hears in the takes with no phrase in mind.
What one is worth is asked of takes that it does not come from, so that three takes do not flatter themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import token_sequences
from kwsd.quick_dataclass import dataclass
from kwsd.search.settings import SearchSettings
from kwsd.stream import Float32, Frames
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.tuning.choice import LOWEST, NOW, Material, Pronunciation, choose, common_threshold, is_heard_left_out
from kwsd.tuning.hear import Heard, best_score, listen
from kwsd.tuning.pronounce import Tokens, likeliest, log_likelihoods
from kwsd.tuning.rates import CHOSEN, READ, expected_rate
from kwsd.units import WORD_START

READINGS = 16  # of each take
SHORTEST_TOKENS = 3  # a shorter one is heard in anything
TRIED = 10  # of the candidates, the likeliest, are held against the background
FAR_NATS = -15.0  # behind the best reading: as good as never
ENOUGH_H = 1.0  # of background, from which on it tells which spelling goes off by mistake, and that one is left out …
CAUTIOUS = 0.85  # … while with less the threshold may rise so far instead
SILENT = 99  # tokens of a keyword that the model cannot write: it is never heard

TakeFrames = tuple[Frames, ...]


@dataclass(frozen=True, slots=True)
class Background:
    """Sound in which nobody says the keyword, as kept frames."""

    frames: Iterable[Frames]
    hours: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """What enrolling found."""

    before: Keyword
    after: Keyword
    """The same as before where nothing better was found."""
    before_threshold: float
    """At which the keyword as it was has as few false alarms."""
    heard_before: tuple[bool, ...]
    """Each take, by the keyword as it was at that threshold."""
    heard_after: tuple[bool, ...]
    """Each take, by what the other takes alone would have led to."""
    expected_per_hour: float
    """False alarms of `after`."""
    hours: float
    """Of background; 0 without."""

    @property
    def changes(self) -> dict[str, Any]:
        """What the keyword file would have to say; nothing where the keyword is best as it is."""
        unlike = self.after != self.before
        return {"spellings": self.after.spellings, "threshold": self.after.threshold} if unlike else {}

    def is_worth_writing(self, *, new: bool) -> bool:
        """Whether there is something to write: changes, or a keyword that hears a take and is not in the file."""
        return bool(self.changes) or (new and any(self.heard_before))


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
    known = set(_ways(keyword, tokenizer))
    sources: dict[Tokens, set[int]] = {way: set() for way in _by_letters(keyword.phrase, tokenizer)}
    for number, reading in enumerate(readings):
        for tokens, _ in reading.likeliest:
            sources.setdefault(tokens, set()).add(number)
    fit = [
        tokens
        for tokens in sources
        if len(tokens) >= SHORTEST_TOKENS
        and tokenizer.is_word_start(tokens[0])
        and tokens not in known
        and spelling_of(tokens, tokenizer)
    ]
    margins = [
        dict(zip(fit, np.array(log_likelihoods(each.sound, fit, acoustics)) - each.likeliest[0][1], strict=True))
        for each in readings
    ]
    worth = {
        tokens: np.mean(
            [max(of[tokens], FAR_NATS) for number, of in enumerate(margins) if sources[tokens] != {number}]
            or [FAR_NATS]
        )
        for tokens in fit
    }
    ranked = sorted(worth, key=lambda tokens: -worth[tokens])
    return [
        Pronunciation(tokens, spelling_of(tokens, tokenizer) or "", frozenset(sources[tokens])) for tokens in ranked
    ]


def _ways(keyword: Keyword, tokenizer: PhraseTokenizer) -> list[Tokens]:
    """In which it is listened for; none where the model's vocabulary cannot write it."""
    try:
        return [sequence.tokens for sequence in token_sequences(keyword, tokenizer)]
    except ValueError:
        return []


def _by_letters(phrase: str, tokenizer: PhraseTokenizer) -> list[Tokens]:
    """As the lexicon says it, with hyphens instead of blanks, and letter by letter."""
    texts = (phrase, phrase.replace(" ", "-"), " ".join(letter for letter in phrase if letter.isalpha()))
    return [way for text in texts if text for way in _ways(Keyword(text, written_forms=False), tokenizer)]


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
    done: Callable[[int], None] = lambda _samples: None,
) -> Enrolment:
    """Find out how this person says a keyword; `done` is told of samples of background that are searched.

    Raises ConfigError as compiling does.
    """
    search = (settings or SearchSettings()).over(model.description.search)
    candidates = tuple(find_candidates(model, keyword, [read_frames(model, take) for take in takes])[:TRIED])
    now = [replace(keyword, name=NOW)] if _ways(keyword, model.tokenizer) else []
    tried = [*now, *map(alone, candidates)]
    scores = {
        NOW: (0.0,) * len(takes),
        **{each.label: tuple(best_score(model, each, take, search) for take in takes) for each in tried},
    }
    false = listen(model, tried, background.frames, search, done) if background else {}
    hours = background.hours if background else 0.0
    known = weigh(model, keyword, candidates, scores, false, hours=hours, per_hour=per_hour, search=search)
    every = range(len(takes))
    chosen, after = choose(known, every), keyword
    if chosen.spellings or chosen.threshold != known.threshold:
        after = replace(keyword, spellings=(*keyword.spellings, *chosen.spellings), threshold=chosen.threshold)
    before_threshold = common_threshold(known, ()) or known.threshold
    return Enrolment(
        before=keyword,
        after=after,
        before_threshold=before_threshold,
        heard_before=tuple(score >= before_threshold for score in scores[NOW]),
        heard_after=tuple(is_heard_left_out(known, take) for take in every),
        expected_per_hour=known.per_hour_at(chosen.threshold, chosen.spellings),
        hours=hours,
    )


def weigh(
    model: Model,
    keyword: Keyword,
    candidates: tuple[Pronunciation, ...],
    scores: Mapping[str, Sequence[float]],
    false: Mapping[str, Sequence[Heard]],
    *,
    hours: float,
    per_hour: float,
    search: SearchSettings,
) -> Material:
    """What a choice is made from, of scores in takes and hits in hours of background (by label, none without)."""
    curves, ways = model.description.false_alarms, _ways(keyword, model.tokenizer)
    expected = {
        each.spelling: expected_rate(curves, len(each.tokens), false.get(each.spelling, ()), hours, READ)
        for each in candidates
    }
    expected[NOW] = expected_rate(curves, len(ways[0]) if ways else SILENT, false.get(NOW, ()), hours, CHOSEN)
    threshold = keyword.threshold or search.threshold
    tells = hours >= ENOUGH_H
    lowest, highest = (min(LOWEST, threshold), threshold) if tells else (threshold, max(threshold, CAUTIOUS))
    return Material(candidates, scores, expected, per_hour, threshold, lowest, highest)
