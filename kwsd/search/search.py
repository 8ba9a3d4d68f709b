"""Frames → hits and misses: one stream's search. It never sees sound."""

from __future__ import annotations

from kwsd.search.beam import BeamSearch, Match
from kwsd.search.held import held
from kwsd.search.history import FrameHistory
from kwsd.search.hits import Hit, Miss
from kwsd.search.keyword_set import KeywordSet
from kwsd.search.posteriors import Acoustics
from kwsd.search.rules import Rules
from kwsd.stream import Frames

HISTORY_FRAMES = 250  # 10 s: the longest phrase that can still be aligned
REPLAY_FRAMES = 50  # 2 s: a phrase under way when the keywords change is taken up again from here


class KeywordSearch:
    """Hears a keyword set in the frames of one stream. Cheap to make, whatever the size of the set."""

    def __init__(self, keyword_set: KeywordSet, transducer: Acoustics) -> None:
        """A search that has seen nothing."""
        self.keyword_set = keyword_set
        self._transducer = transducer
        self._begin(0)

    def _begin(self, origin_sample: int) -> None:
        self.origin_sample = origin_sample
        self._history = FrameHistory(HISTORY_FRAMES)
        self.beam = BeamSearch(self.keyword_set, self._transducer)
        self._rules = Rules(self.keyword_set, self._transducer, self._history)

    def push(self, frames: Frames, matches: list[Match] | None = None) -> list[Hit | Miss]:
        """The next frames, and what `SideBySide` found in them → what they decide: misses, then hits as spoken.

        A new origin forgets everything. Frames that were not heard end what is under way; quiet ones decide it first.
        """
        if frames.origin_sample != self.origin_sample:
            self._begin(frames.origin_sample)
        if frames.encoder_out is None:
            self.beam.reset()
            decided = self._rules.judge((), self.beam) if frames.kind == "quiet" else []
            self._history.push(frames)
            return decided
        self._history.push(frames)
        found = self.beam.push(frames.encoder_out, frames.first) if matches is None else matches
        return self._rules.judge(found, self.beam)

    def finish(self) -> list[Miss]:
        """No more frames will come: what waited for more of them."""
        return self._rules.finish()

    def held(self) -> dict[int, float]:
        """What it holds of each keyword that is being said, 0 to 1."""
        return held(self.beam, self._history, self._transducer)

    def replace(self, keyword_set: KeywordSet) -> None:
        """Search for other keywords from the next frames on.

        What fired lately stays quiet under its label, and the last 2 s are searched again, so that a phrase under way
        is not lost.
        """
        before, self.keyword_set = self._rules, keyword_set
        self.beam = BeamSearch(keyword_set, self._transducer)
        self._rules = Rules(keyword_set, self._transducer, self._history)
        self._rules.carry_over(before)
        if len(recent := self._history.tail(REPLAY_FRAMES)):
            self.beam.push(recent, self._history.end - len(recent))
