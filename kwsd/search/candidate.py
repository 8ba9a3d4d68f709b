"""Matches of one keyword that are about the same sound, while it is not decided whether it was said."""

from __future__ import annotations

from dataclasses import dataclass

from kwsd.search.alignment import Alignment, align, window
from kwsd.search.beam import SAME_EMISSION_FRAMES, Match
from kwsd.search.confidence import Signs
from kwsd.search.history import FrameHistory
from kwsd.search.hits import MissCause, Objection
from kwsd.search.posteriors import Acoustics

TOKEN_WORTH = 1.8  # nats that tell hits from false alarms as well as a token more does, in a fit over both


@dataclass(slots=True)
class Candidate:
    """Matches of one keyword that are about the same sound."""

    best: Match
    """The strongest of them."""
    fresh: bool = True
    """A match came with the last frames."""
    held: bool = False
    """The rest of a longer word, or of a longer keyword around it, may still come."""
    aligned: Match | None = None
    """The last of the best that was worth looking for."""
    alignment: Alignment | None = None
    """Of `aligned`."""
    looked_at: range | None = None
    """The frames among which its tokens were looked for."""
    score: float = 0.0
    """As it was judged last."""
    signs: Signs | None = None
    objection: Objection | None = None
    """Why it has not fired yet."""

    def admits(self, match: Match) -> bool:
        """Whether the match is about the same sound."""
        own, other = self.best.frames, match.frames
        apart = max(other[0] - own[-1], own[0] - other[-1])
        return match.sequence.keyword == self.best.sequence.keyword and apart <= SAME_EMISSION_FRAMES

    def look_for_tokens(self, history: FrameHistory, acoustics: Acoustics) -> None:
        """Align the best match, unless that has been done among the same frames: it would find the same."""
        among = window(self.best.frames, history)
        if self.aligned is not self.best or self.looked_at != among:
            self.alignment = align(self.best.sequence.tokens, self.best.frames, history, acoustics)
            self.aligned, self.looked_at = self.best, among

    @property
    def frames(self) -> tuple[int, ...]:
        """Where its tokens are, once that was looked for."""
        return self.alignment.frames if self.alignment else ()

    def holds_back(self, alignment: Alignment) -> bool:
        """Whether it waits for what follows, and would take this sound if nothing does."""
        waits = self.held and self.objection is not None and self.objection.cause is MissCause.MORE_MAY_FOLLOW
        own = self.frames
        return waits and bool(own) and alignment.frames[0] <= own[-1] and own[0] <= alignment.frames[-1]


def strength(match: Match) -> float:
    """How much speaks for it, nats: a longer sequence explains more of the sound than its parts do."""
    return match.margin + TOKEN_WORTH * len(match.frames)
