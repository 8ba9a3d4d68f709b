"""Matches of one keyword that are about the same sound, while it is not decided whether it was said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kwsd.search.alignment import EARLY_FRAMES, LATE_FRAMES, Alignment, align
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
    weakness: Objection | None = None
    """What makes that score too low."""
    objection: Objection | None = None
    """Why it has not fired yet."""

    def admits(self, match: Match) -> bool:
        """Whether the match is about the same sound."""
        own, other = self.best.frames, match.frames
        apart = max(other[0] - own[-1], own[0] - other[-1])
        return match.sequence.keyword == self.best.sequence.keyword and apart <= SAME_EMISSION_FRAMES

    def window(self, history: FrameHistory) -> range:
        """The frames that its alignment looks at: while they stay the same, so does what it finds."""
        first, last = self.best.frames[0], self.best.frames[-1]
        return range(max(first - EARLY_FRAMES, history.start), min(last + LATE_FRAMES + 1, history.end))

    @property
    def frames(self) -> tuple[int, ...]:
        """Where its tokens are, once that was looked for."""
        return self.alignment.frames if self.alignment else ()


def holding_back(candidates: Iterable[Candidate], alignment: Alignment) -> Iterator[Candidate]:
    """Those that wait for what follows, and would take this sound if nothing does."""
    for each in candidates:
        waits = each.held and each.objection is not None and each.objection.cause is MissCause.MORE_MAY_FOLLOW
        own = each.frames
        if waits and own and alignment.frames[0] <= own[-1] and own[0] <= alignment.frames[-1]:
            yield each


def strength(match: Match) -> float:
    """How much speaks for it, nats: a longer sequence explains more of the sound than its parts do."""
    return match.margin + TOKEN_WORTH * len(match.frames)


def look_for_tokens(
    candidates: Sequence[Candidate], history: FrameHistory, acoustics: Acoustics
) -> list[tuple[Candidate, Alignment]]:
    """Each with the alignment of its best match, found anew where that match or the frames around it are others."""
    due = [each for each in candidates if each.aligned is not each.best or each.looked_at != each.window(history)]
    phrases = [(each.best.sequence.tokens, each.best.frames) for each in due]
    for each, alignment in zip(due, align(phrases, history, acoustics), strict=True):
        each.alignment, each.aligned, each.looked_at = alignment, each.best, each.window(history)
    return [(each, each.alignment) for each in candidates if each.alignment]
