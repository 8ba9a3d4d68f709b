"""Arrivals → hits: the rules that decide, from acoustic posteriors and audio time alone.

An arrival opens a candidate. At the end of each chunk every candidate that still has arrivals is aligned and judged:
it waits while a longer keyword around it may still come, falls when the sound goes on inside the same word, and fires
when it passes its keyword's rules. All hits of a chunk come out, in the order in which they were said.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from kwsd.keywords.compile import KeywordSet, Rules
from kwsd.search.alignment import Alignment, align
from kwsd.search.beam import SAME_EMISSION_FRAMES, Arrival, BeamSearch
from kwsd.search.graph import Entry
from kwsd.search.history import FrameHistory
from kwsd.search.posteriors import Acoustics
from kwsd.units import START, Context

WORD_END_FRAMES = 3  # frames to be seen behind the last token, where a longer word would go on, unless a pause follows
HEARD_POSTERIOR = 0.5  # below it a last token at the edge of what is known is probably only beginning
TOKEN_WORTH = 1.8  # nats that tell hits from false alarms as well as a token more does, in a fit over both
ONSET_FRAMES = 2  # the first token is often taken for another while it begins
PAUSE_FRAMES = 6  # 240 ms in which no token is emitted: tokens of fluent speech are three frames apart
WAITS = "more may follow"
FLUENT_FRAMES = 2  # fluent speech may leave this much less than the trailing blanks: insisting cost 6 % of the recall


@dataclass(frozen=True, slots=True)
class Hit:
    """A keyword heard."""

    keyword: int
    """Index into the keyword set."""
    tokens: tuple[int, ...]
    emissions: tuple[int, ...]
    """Encoder frame of each token, as the search emitted them."""
    margin: float
    """How much less probable than the best hypothesis, nats: 0 or below."""
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
    """The most probable of them."""
    fresh: bool = True
    """An arrival came in the current chunk."""
    held: bool = False
    """The rest of a longer word, or of a longer keyword around it, may still come."""
    alignment: Alignment | None = None
    reason: str = ""
    """Why it has not fired yet."""

    @property
    def strength(self) -> float:
        """How much speaks for it, nats: a longer keyword explains more of the sound than its parts do."""
        return self.best.margin + TOKEN_WORTH * len(self.best.frames)

    def admits(self, arrival: Arrival) -> bool:
        """Whether the arrival is about the same sound."""
        own, other = self.best.frames, arrival.frames
        apart = max(other[0] - own[-1], own[0] - other[-1])
        return arrival.entry.keyword == self.best.entry.keyword and apart <= SAME_EMISSION_FRAMES

    def add(self, arrival: Arrival) -> None:
        """Keep the arrival if it is the most probable so far."""
        self.fresh = True
        if arrival.margin > self.best.margin:
            self.best = arrival


class Decider:
    """The candidates of one stream, and the hits that keep their keywords quiet for a while."""

    def __init__(self, keyword_set: KeywordSet, acoustics: Acoustics, history: FrameHistory) -> None:
        """Judge arrivals of `keyword_set`'s graph against the frames in `history`."""
        self._set = keyword_set
        self._acoustics = acoustics
        self._history = history
        self._open: list[Candidate] = []
        self._hits: dict[int, Hit] = {}  # the latest of each keyword
        self._recent: list[Hit] = []  # those whose sound is still known
        self._new: list[Hit] = []  # those of the current chunk
        self.near_misses: list[NearMiss] = []
        """Candidates that went without firing in the last chunk."""

    def carry_over(self, other: Decider) -> None:
        """Take over the hits of another keyword set, by name, so that nothing fires twice."""
        labels = {keyword.label: index for index, keyword in enumerate(self._set.keywords)}
        for index, hit in other._hits.items():
            here = labels.get(other._set.keywords[index].label)
            if here is not None:
                self._remember(replace(hit, keyword=here))

    def _remember(self, hit: Hit) -> None:
        self._hits[hit.keyword] = hit
        self._new.append(hit)
        self._recent = [*(known for known in self._recent if known.alignment.frames[-1] >= self._history.start), hit]

    def decide(self, arrivals: Iterable[Arrival], beam: BeamSearch, pause_ahead: Callable[[int], bool]) -> list[Hit]:
        """The arrivals of one chunk, all of whose frames are in the history → its hits, in the order spoken.

        `pause_ahead(n)` says whether the sound behind the history is silent against its last n frames.
        """
        self.near_misses = []
        self._new = []
        for arrival in arrivals:
            self._admit(arrival)
        # what the strongest takes, its parts and whatever resembles it cannot have
        self._open.sort(key=lambda candidate: -candidate.strength)
        left = [candidate for candidate in self._open if self._judge(candidate, beam, pause_ahead) is None]
        self._open = [candidate for candidate in left if self._goes_on(candidate)]
        for candidate in self._open:
            candidate.fresh = False
        return sorted(self._new, key=lambda hit: (hit.alignment.frames[-1], hit.keyword))

    def _goes_on(self, candidate: Candidate) -> bool:
        """Whether there is still something to judge, in sound that is still known."""
        return (candidate.fresh or candidate.held) and candidate.best.frames[0] >= self._history.start

    def _admit(self, arrival: Arrival) -> None:
        if self._rests(arrival.entry.keyword, arrival.frames[0]):
            return
        for candidate in self._open:
            if candidate.admits(arrival):
                candidate.add(arrival)
                return
        self._open.append(Candidate(arrival))

    def _rests(self, keyword: int, frame: int) -> bool:
        """Whether the keyword has fired too short a time before `frame`."""
        hit = self._hits.get(keyword)
        return hit is not None and frame <= hit.alignment.frames[-1] + self._set.rules[keyword].refractory_frames

    def _judge(self, candidate: Candidate, beam: BeamSearch, pause_ahead: Callable[[int], bool]) -> Hit | None:
        if not self._goes_on(candidate):
            self._miss(candidate)
            return None
        best = candidate.best
        rules = self._set.rules[best.entry.keyword]
        spare = best.margin - rules.least_margin(len(best.entry.tokens))
        if spare < rules.alone_margin:
            return None  # not worth an alignment; a later arrival may do better
        candidate.alignment = align(best.entry.tokens, best.frames, self._history, self._acoustics)
        asked = rules.least_running_score(len(best.entry.tokens))
        doubtful = spare < 0 or rules.threshold <= candidate.alignment.score < asked
        if doubtful and not self._said_alone(candidate, candidate.alignment, pause_ahead):
            return None
        unseen = self._word_end_unseen(candidate.alignment, pause_ahead)
        outgrown = beam.lives_on(best.frames[-1], best.entry.tokens)
        candidate.held = unseen or outgrown
        waits = outgrown or (unseen and self._word_end_matters(candidate.alignment))
        candidate.reason = self._objection(candidate.best.entry, candidate.alignment, waits)
        if candidate.reason:
            return None
        hit = Hit(best.entry.keyword, best.entry.tokens, best.frames, best.margin, candidate.alignment)
        self._remember(hit)
        return hit

    def _said_alone(self, candidate: Candidate, alignment: Alignment, pause_ahead: Callable[[int], bool]) -> bool:
        """Whether a pause lies before and behind it; while the one behind may still come, the candidate is held."""
        first, last, end = alignment.frames[0], alignment.frames[-1], self._history.end
        before = range(first - ONSET_FRAMES - PAUSE_FRAMES, first - ONSET_FRAMES)
        behind = range(last + 1, last + 1 + PAUSE_FRAMES)
        quiet = self._silent(before, START) and self._silent(behind, _context(candidate.best.entry))
        seen = behind.stop <= end or pause_ahead(end - first)
        candidate.held = quiet and not seen
        candidate.reason = WAITS if candidate.held else "it is not said alone, and unlikely among other words"
        return quiet and seen

    def _silent(self, frames: range, context: Context) -> bool:
        """Whether none of the frames says anything, as far as they are known."""
        known = np.arange(max(frames.start, self._history.start), min(frames.stop, self._history.end))
        if not len(known):
            return True
        log_probs = self._acoustics.log_probs(self._history.take(known), [context] * len(known))
        return all(token in self._acoustics.silent_tokens for token in log_probs.argmax(axis=1).tolist())

    def _word_end_unseen(self, alignment: Alignment, pause_ahead: Callable[[int], bool]) -> bool:
        """Whether the word may go on, or its last token has yet to be heard properly, behind the frames known."""
        end = self._history.end
        if alignment.frames[-1] + WORD_END_FRAMES < end:
            return False
        return alignment.posteriors[-1] < HEARD_POSTERIOR or not pause_ahead(end - alignment.frames[0])

    def _word_end_matters(self, alignment: Alignment) -> bool:
        """Whether what comes next could still speak against it: a piece of the same word, or a better last token."""
        return self._set.marks_words or alignment.posteriors[-1] < HEARD_POSTERIOR

    def _miss(self, candidate: Candidate) -> None:
        if candidate.alignment:
            frames = candidate.best.frames
            keyword = candidate.best.entry.keyword
            self.near_misses.append(NearMiss(keyword, frames, candidate.alignment, candidate.reason))

    def _objection(self, entry: Entry, alignment: Alignment, waits: bool) -> str:
        """Why the candidate may not fire now; empty when it may. The cheap questions first."""
        rules = self._set.rules[entry.keyword]
        return (
            _too_weak(alignment, rules)
            or _too_loose(alignment, rules)
            or ("it has just fired" if self._rests(entry.keyword, alignment.frames[0]) else "")
            or self._taken(alignment)
            or (WAITS if waits else "")
            or self._going_on(entry, alignment.frames[-1])
        )

    def _taken(self, alignment: Alignment) -> str:
        """One piece of sound makes one hit, unless in a later chunk a longer keyword contains it."""
        first, last = alignment.frames[0], alignment.frames[-1]
        for hit in self._recent:
            frames = hit.alignment.frames
            overlaps = first <= frames[-1] and frames[0] <= last
            if overlaps and (hit in self._new or last - first <= frames[-1] - frames[0]):
                return f"the sound is part of {self._set.keywords[hit.keyword].label!r}"
        return ""

    def _going_on(self, entry: Entry, last_frame: int) -> str:
        """Whether speech goes on after the last token: in the same word, as NIGHT does in NIGHTFALL, or too soon."""
        frames = np.arange(last_frame + 1, self._history.end)
        if not len(frames):
            return ""
        log_probs = self._acoustics.log_probs(self._history.take(frames), [_context(entry)] * len(frames))
        for blanks, token in enumerate(log_probs.argmax(axis=1).tolist()):
            if token not in self._acoustics.silent_tokens:
                return self._what_follows(token, blanks, entry)
        return ""

    def _what_follows(self, token: int, blanks: int, entry: Entry) -> str:
        if token not in self._set.word_starts:
            return "the word goes on"
        return "another word follows at once" if blanks < entry.trailing_blanks - FLUENT_FRAMES else ""


def _context(entry: Entry) -> Context:
    """The last two tokens when the keyword has been said."""
    before_last, last = (*START, *entry.tokens)[-2:]
    return before_last, last


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
