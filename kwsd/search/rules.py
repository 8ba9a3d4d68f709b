"""Matches → hits and misses: the rules that decide, from acoustic posteriors and audio time alone.

A match opens a candidate. Behind each call of the encoder every candidate that still has matches is aligned and judged:
it waits while a longer keyword around it may still come, falls when the sound goes on inside the same word, and fires
when nothing speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kwsd.search.alignment import Alignment
from kwsd.search.beam import BeamSearch, Match
from kwsd.search.candidate import Candidate, holding_back, look_for_tokens, strength
from kwsd.search.graph import TokenSequence
from kwsd.search.history import FrameHistory
from kwsd.search.hits import Grounds, Hit, Miss, MissCause, Objection
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.search.rivals import best_first
from kwsd.search.surroundings import Surroundings
from kwsd.units import START, Context

WORD_END_FRAMES = 3  # frames to be seen behind the last token, where a longer word would go on, unless a pause follows
HEARD_POSTERIOR = 0.5  # below it a last token at the edge of what is known is probably only beginning
ONSET_FRAMES = 2  # the first token is often taken for another while it begins
PAUSE_FRAMES = 6  # 240 ms in which no token is emitted: tokens of fluent speech are three frames apart
FLUENT_FRAMES = 2  # fluent speech may leave this much less than the trailing blanks: insisting cost 6 % of the recall


class Rules:
    """The candidates of one stream, and the hits that keep their keywords quiet for a while."""

    def __init__(self, keyword_set: KeywordSet, acoustics: Acoustics, history: FrameHistory) -> None:
        """Judge matches of `keyword_set`'s graph against the frames in `history`."""
        self._set = keyword_set
        self._acoustics = acoustics
        self._history = history
        self._surroundings = Surroundings(history, acoustics, keyword_set.word_starts)
        self._open: list[Candidate] = []
        self._hits: dict[int, Hit] = {}  # the latest of each keyword
        self._recent: list[Hit] = []  # those whose sound is still known
        self._new: list[Hit] = []  # those of the last frames

    def carry_over(self, other: Rules) -> None:
        """Take over the hits of another keyword set, by label, so that nothing fires twice."""
        places = {label: place for place, label in enumerate(self._set.labels)}
        for keyword, hit in other._hits.items():
            if (here := places.get(other._set.labels[keyword])) is not None:
                self._remember(replace(hit, keyword=here))

    def judge(self, matches: Iterable[Match], beam: BeamSearch) -> list[Hit | Miss]:
        """The matches in the last frames of the history → what became of candidates: misses, then hits as spoken."""
        self._new = []
        for match in matches:
            self._admit(match)
        misses: list[Hit | Miss] = [
            miss for each in self._open if not self._goes_on(each) for miss in self._missed(each)
        ]
        going_on = [candidate for candidate in self._open if self._goes_on(candidate)]
        likely = [candidate for candidate in going_on if self._is_likely(candidate.best)]
        for candidate, alignment in look_for_tokens(likely, self._history, self._acoustics):
            candidate.weakness = self._weigh(candidate, alignment)
        # what the likeliest takes, its parts and whatever resembles it cannot have
        waiting: list[Candidate] = []
        for candidate in best_first(going_on, self._contends, self._history, self._acoustics):
            if not self._fires(candidate, beam, waiting):
                waiting.append(candidate)
        self._open = [candidate for candidate in waiting if self._goes_on(candidate)]
        for candidate in self._open:
            candidate.fresh = False
        return misses + sorted(self._new, key=lambda hit: (hit.aligned[-1], hit.keyword))

    def finish(self) -> list[Miss]:
        """The misses of candidates that nothing can decide any more."""
        left, self._open = self._open, []
        return [miss for candidate in left for miss in self._missed(candidate)]

    def _admit(self, match: Match) -> None:
        """Give the match to the candidate that is about the same sound, or open one."""
        if self._in_refractory(match.sequence.keyword, match.frames[0]):
            return
        for candidate in self._open:
            if candidate.admits(match):
                candidate.fresh = True
                if strength(match) > strength(candidate.best):
                    candidate.best = match
                return
        self._open.append(Candidate(match))

    def _goes_on(self, candidate: Candidate) -> bool:
        """Whether there is still something to judge, in sound that is still known."""
        return (candidate.fresh or candidate.held) and candidate.best.frames[0] >= self._history.start

    def _contends(self, candidate: Candidate) -> bool:
        """Whether it may fire or hold others back: what certainly does neither need not be held against them."""
        alignment = candidate.alignment
        return alignment is not None and (
            self._must_be_alone(candidate.best, alignment) or not (candidate.weakness or self._overlaps_hit(alignment))
        )

    def _missed(self, candidate: Candidate) -> list[Miss]:
        if not (self._set.tells_misses and candidate.aligned and candidate.alignment and candidate.objection):
            return []  # nobody asks, or it never came near enough to be aligned
        return [Miss(**self._facts(candidate, candidate.aligned, candidate.alignment), **candidate.objection._asdict())]

    def _facts(self, candidate: Candidate, match: Match, alignment: Alignment) -> dict[str, Any]:
        """The fields of a Finding."""
        sequence = match.sequence
        limits = self._set.limits[sequence.keyword]
        grounds = Grounds(
            self._must_be_alone(match, alignment),
            limits.threshold,
            limits.least_running_score(len(sequence.tokens)),
            limits.least_margin(len(sequence.tokens)),
            *self._history.loudness(alignment.frames[0], alignment.frames[-1] + 1),
            lead_frames=max(0, alignment.frames[0] - self._history.start),
        )
        return {
            "keyword": sequence.keyword,
            "tokens": sequence.tokens,
            "spelling": sequence.spelling,
            "emitted": match.frames,
            "aligned": alignment.frames,
            "posteriors": alignment.posteriors,
            "margin_nats": match.margin,
            "score": candidate.score,
            "signs": candidate.signs,
            "grounds": grounds,
        }

    def _spare_nats(self, match: Match) -> float:
        """How much more probable the match is than its keyword must be."""
        return match.margin - self._set.limits[match.sequence.keyword].least_margin(len(match.sequence.tokens))

    def _is_likely(self, match: Match) -> bool:
        """Whether it is worth looking for its tokens."""
        return self._spare_nats(match) >= self._set.limits[match.sequence.keyword].alone_margin

    def _fires(self, candidate: Candidate, beam: BeamSearch, stronger: Sequence[Candidate]) -> bool:
        """Judge the candidate by what is known of it now; where a stronger one waits, it waits as well."""
        alignment = candidate.alignment
        if alignment is None or not self._is_likely(candidate.best):
            return False
        candidate.objection = self.why_not(candidate, alignment, beam)
        if candidate.objection is None and not all(map(self._too_low, holding_back(stronger, alignment))):
            candidate.held, candidate.objection = True, _say(MissCause.MORE_MAY_FOLLOW)
        if candidate.objection is None:
            self._remember(Hit(**self._facts(candidate, candidate.best, alignment)))
        return candidate.objection is None

    def why_not(self, candidate: Candidate, alignment: Alignment, beam: BeamSearch) -> Objection | None:
        """What speaks against a hit at the moment, and whether that may change: `held`. The cheap questions first."""
        sequence = candidate.best.sequence
        limits = self._set.limits[sequence.keyword]
        if self._must_be_alone(candidate.best, alignment):
            quiet, seen = self._pauses_around(sequence, alignment)
            candidate.held = quiet and not seen
            if not quiet or not seen:
                return _say(MissCause.MORE_MAY_FOLLOW if candidate.held else MissCause.NOT_ALONE)
        # the word may go on behind the frames known, or its last token has yet to be heard properly
        unseen = alignment.frames[-1] + WORD_END_FRAMES >= self._history.end and (
            alignment.posteriors[-1] < HEARD_POSTERIOR
            or not self._history.pause_ahead(self._history.end - alignment.frames[0])
        )
        outgrown = beam.may_grow(candidate.best.frames[-1], sequence.tokens)
        candidate.held = unseen or outgrown
        # what comes next could still speak against it: a piece of the same word, or a better last token
        word_end_matters = self._set.marks_words or alignment.posteriors[-1] < HEARD_POSTERIOR
        return (
            candidate.weakness
            or limits.too_loose(alignment)
            or (_say(MissCause.IN_REFRACTORY) if self._in_refractory(sequence.keyword, alignment.frames[0]) else None)
            or self._overlaps_hit(alignment)
            or (_say(MissCause.MORE_MAY_FOLLOW) if outgrown or (unseen and word_end_matters) else None)
            or self._speech_behind(sequence, alignment.frames[-1])
            or self._too_low(candidate)
        )

    def _weigh(self, candidate: Candidate, alignment: Alignment) -> Objection | None:
        """Score it by all but another text in its place, and tell what makes the score too low."""
        sequence = candidate.best.sequence
        limits, confidence = self._set.limits[sequence.keyword], self._set.confidence_in(len(sequence.tokens))
        if confidence is None:
            candidate.score = alignment.score
            return limits.too_weak(candidate.score, alignment)
        candidate.signs = self._surroundings.signs(candidate.best, alignment, _context(sequence))
        candidate.score = confidence.score(candidate.signs)
        weakness = limits.too_weak(candidate.score, alignment)
        told = self._set.tells_misses and not self._overlaps_hit(alignment)
        return weakness and self._too_low(candidate, beside_text=told)

    def _too_low(self, candidate: Candidate, *, beside_text: bool = True) -> Objection | None:
        """What makes its score too low. Another text in its place can but lower it, and takes long: asked last."""
        sequence, alignment, signs = candidate.best.sequence, candidate.alignment, candidate.signs
        limits, confidence = self._set.limits[sequence.keyword], self._set.confidence_in(len(sequence.tokens))
        if confidence is None or alignment is None or signs is None:
            return None
        if beside_text:
            signs = self._surroundings.beside_text(signs, (sequence.tokens, alignment.frames), confidence)
        candidate.signs, candidate.score = signs, confidence.score(signs)
        weakness = limits.too_weak(candidate.score, alignment)
        if weakness is not None and weakness.cause is MissCause.LOW_SCORE:
            if confidence.without_word_end(signs) >= limits.threshold:
                said = self._said(range(alignment.frames[-1] + 1, self._history.end), _context(sequence))
                return _say(MissCause.WORD_GOES_ON, said[0][1] if said else None)
            if confidence.said_alone(signs) >= limits.threshold:
                return _say(MissCause.NOT_ALONE)
            if confidence.without_rival(signs) >= limits.threshold:
                return _say(MissCause.OTHER_TEXT)
        return weakness

    def _must_be_alone(self, match: Match, alignment: Alignment) -> bool:
        """Whether what is seen is enough for what is said alone at most, and too little among other words."""
        sequence = match.sequence
        if self._set.confidence_in(len(sequence.tokens)) is not None:
            return False
        limits = self._set.limits[sequence.keyword]
        short = limits.threshold <= alignment.score < limits.least_running_score(len(sequence.tokens))
        return short or self._spare_nats(match) < 0

    def _remember(self, hit: Hit) -> None:
        self._hits[hit.keyword] = hit
        self._new.append(hit)
        self._recent = [*(known for known in self._recent if known.aligned[-1] >= self._history.start), hit]

    def _in_refractory(self, keyword: int, frame: int) -> bool:
        """Whether the keyword has fired too short a time before `frame`."""
        hit = self._hits.get(keyword)
        return hit is not None and frame <= hit.aligned[-1] + self._set.limits[keyword].refractory_frames

    def _pauses_around(self, sequence: TokenSequence, alignment: Alignment) -> tuple[bool, bool]:
        """Whether nothing is said before and behind it, as far as that is known, and whether it is known."""
        first, last, end = alignment.frames[0], alignment.frames[-1], self._history.end
        before = range(first - ONSET_FRAMES - PAUSE_FRAMES, first - ONSET_FRAMES)
        behind = range(last + 1, last + 1 + PAUSE_FRAMES)
        quiet = not self._said(before, START) and not self._said(behind, _context(sequence))
        return quiet, behind.stop <= end or self._history.pause_ahead(end - first)

    def _overlaps_hit(self, alignment: Alignment) -> Objection | None:
        """One piece of sound makes one hit."""
        for hit in self._recent:
            if alignment.frames[0] <= hit.aligned[-1] and hit.aligned[0] <= alignment.frames[-1]:
                return Objection(MissCause.OVERLAPS_HIT, f"the sound is part of {self._set.labels[hit.keyword]!r}")
        return None

    def _speech_behind(self, sequence: TokenSequence, last_frame: int) -> Objection | None:
        """Whether speech goes on after the last token: in the same word, as NIGHT does in NIGHTFALL, or too soon."""
        said = self._said(range(last_frame + 1, self._history.end), _context(sequence))
        if not said:
            return None
        blanks, token = said[0]
        if token not in self._set.word_starts:
            weighed = self._set.confidence_in(len(sequence.tokens)) is not None  # the score knows how the word ends
            return None if weighed else _say(MissCause.WORD_GOES_ON, token)
        return _say(MissCause.NEXT_WORD_TOO_SOON, token) if blanks < sequence.trailing_blanks - FLUENT_FRAMES else None

    def _said(self, frames: range, context: Context) -> list[tuple[int, int]]:
        """(place in those frames that are known, token) wherever one is likelier than silence."""
        known = np.arange(max(frames.start, self._history.start), min(frames.stop, self._history.end))
        if not len(known):
            return []
        log_probs = self._acoustics.log_probs(self._history.take(known), [context] * len(known))
        silent = self._acoustics.silent_tokens
        return [(place, token) for place, token in enumerate(log_probs.argmax(axis=1).tolist()) if token not in silent]


def _context(sequence: TokenSequence) -> Context:
    """The last two tokens when the keyword has been said."""
    before_last, last = (*START, *sequence.tokens)[-2:]
    return before_last, last


def _say(cause: MissCause, next_token: int | None = None) -> Objection:
    return Objection(cause, cause.value, next_token)
