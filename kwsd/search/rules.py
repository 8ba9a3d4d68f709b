"""Arrivals → hits: the rules that decide, from acoustic posteriors and audio time alone.

An arrival opens a candidate. At the end of each chunk every candidate that still has arrivals is aligned and judged:
it waits while a longer keyword around it may still come, falls when the sound goes on inside the same word, and fires
when it passes its keyword's rules. All hits of a chunk come out, in the order in which they were said.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from kwsd.search.alignment import Alignment, align
from kwsd.search.beam import Arrival, BeamSearch
from kwsd.search.keyword_set import KeywordSet, Rules
from kwsd.search.posteriors import START, Acoustics, FrameHistory

WORD_END_FRAMES = 12  # how far behind its last token a word may go on: half a second


@dataclass(frozen=True, slots=True)
class Hit:
    """A keyword heard."""

    keyword: int
    """Index into the keyword set."""
    tokens: tuple[int, ...]
    emissions: tuple[int, ...]
    """Encoder frame of each token, as the search emitted them."""
    alignment: Alignment


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A keyword that came close, and why it did not fire."""

    keyword: int
    emissions: tuple[int, ...]
    alignment: Alignment
    reason: str


@dataclass(slots=True)
class Candidate:
    """Arrivals of one keyword that are about the same sound."""

    best: Arrival
    last_frame: int
    """Latest emission of a last token among the arrivals."""
    fresh: bool = True
    """An arrival came in the current chunk."""
    held: bool = False
    """A longer keyword around it may still come."""
    alignment: Alignment | None = None
    reason: str = ""
    """Why it has not fired yet."""

    def add(self, arrival: Arrival) -> None:
        """Keep the arrival if it is the most probable so far."""
        self.fresh = True
        self.last_frame = max(self.last_frame, arrival.frames[-1])
        if arrival.margin > self.best.margin:
            self.best = arrival


class Decider:
    """The candidates of one stream, and the hits that keep their keywords quiet for a while."""

    def __init__(self, keyword_set: KeywordSet, acoustics: Acoustics, history: FrameHistory) -> None:
        """Judge arrivals of `keyword_set`'s graph against the frames in `history`."""
        self._set = keyword_set
        self._acoustics = acoustics
        self._history = history
        self._open: dict[int, Candidate] = {}
        self._hits: dict[int, Hit] = {}
        self.near_misses: list[NearMiss] = []
        """Candidates of the last chunk that went without firing."""

    def carry_over(self, other: Decider) -> None:
        """Take over the hits of another keyword set, by name, so that nothing fires twice."""
        labels = {keyword.label: index for index, keyword in enumerate(self._set.keywords)}
        for index, hit in other._hits.items():
            here = labels.get(other._set.keywords[index].label)
            if here is not None:
                self._hits[here] = hit

    def decide(self, arrivals: Iterable[Arrival], beam: BeamSearch) -> list[Hit]:
        """The arrivals of one chunk, all of whose frames are in the history → its hits, in the order spoken."""
        self.near_misses = []
        for arrival in arrivals:
            self._admit(arrival)
        # the longest first: what it takes, its parts cannot have
        in_turn = sorted(self._open, key=lambda keyword: (-len(self._open[keyword].best.frames), keyword))
        hits = [hit for keyword in in_turn if (hit := self._judge(keyword, beam)) is not None]
        return sorted(hits, key=lambda hit: (hit.alignment.frames[-1], hit.keyword))

    def _admit(self, arrival: Arrival) -> None:
        keyword = arrival.entry.keyword
        earlier = self._hits.get(keyword)
        if earlier and arrival.frames[0] <= earlier.alignment.frames[-1] + self._set.rules[keyword].refractory_frames:
            return
        candidate = self._open.get(keyword)
        if candidate and arrival.frames[0] <= candidate.last_frame:
            candidate.add(arrival)
        else:
            self._close(keyword)
            self._open[keyword] = Candidate(arrival, arrival.frames[-1])

    def _judge(self, keyword: int, beam: BeamSearch) -> Hit | None:
        candidate = self._open[keyword]
        if not (candidate.fresh or candidate.held):
            self._close(keyword)
            return None
        best = candidate.best
        candidate.fresh = False
        candidate.held = beam.lives_on(best.frames[-1], best.entry.tokens)
        candidate.alignment = align(best.entry.tokens, best.frames, self._history, self._acoustics)
        candidate.reason = self._objection(candidate, candidate.alignment)
        if candidate.reason:
            return None
        hit = Hit(keyword, best.entry.tokens, best.frames, candidate.alignment)
        self._hits[keyword] = hit
        del self._open[keyword]
        return hit

    def _close(self, keyword: int) -> None:
        candidate = self._open.pop(keyword, None)
        if candidate and candidate.alignment:
            self.near_misses.append(NearMiss(keyword, candidate.best.frames, candidate.alignment, candidate.reason))

    def _objection(self, candidate: Candidate, alignment: Alignment) -> str:
        """Why the candidate may not fire now; empty when it may. The cheap questions first."""
        rules = self._set.rules[candidate.best.entry.keyword]
        return (
            _too_weak(alignment, rules)
            or _too_loose(alignment, rules)
            or self._taken(alignment)
            or ("a longer keyword may follow" if candidate.held else "")
            or self._inside_a_word(candidate.best.entry.tokens, alignment.frames[-1])
        )

    def _taken(self, alignment: Alignment) -> str:
        """One piece of sound makes one hit, unless a longer keyword contains it."""
        first, last = alignment.frames[0], alignment.frames[-1]
        for keyword, hit in self._hits.items():
            frames = hit.alignment.frames
            if first <= frames[-1] and frames[0] <= last and last - first <= frames[-1] - frames[0]:
                return f"the sound is part of {self._set.keywords[keyword].label!r}"
        return ""

    def _inside_a_word(self, tokens: tuple[int, ...], last_frame: int) -> str:
        """Whether the word goes on after its last token, as NIGHT does in NIGHTFALL."""
        frames = range(last_frame + 1, min(last_frame + 1 + WORD_END_FRAMES, self._history.end))
        if not frames:
            return ""
        before_last, last = (*START, *tokens)[-2:]
        log_probs = self._acoustics.log_probs(self._history.take(np.array(frames)), [(before_last, last)] * len(frames))
        silent = self._acoustics.silent_tokens
        next_token = next((token for token in log_probs.argmax(axis=1).tolist() if token not in silent), None)
        goes_on = next_token is not None and next_token not in self._set.word_starts
        return "the word goes on" if goes_on else ""


def _too_weak(alignment: Alignment, rules: Rules) -> str:
    if alignment.score < rules.threshold:
        return f"score {alignment.score:.3f} is below {rules.threshold:g}"
    if alignment.min_score < rules.min_score:
        return f"min_score {alignment.min_score:.3f} is below {rules.min_score:g}"
    return ""


def _too_loose(alignment: Alignment, rules: Rules) -> str:
    frames = alignment.frames
    if any(after - before > rules.max_gap_frames for before, after in itertools.pairwise(frames)):
        return "its tokens are too far apart"
    if frames[-1] - frames[0] < rules.min_duration_frames:
        return "it is too short"
    return ""
