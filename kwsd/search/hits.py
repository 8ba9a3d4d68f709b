"""What a search finds, in frames: keywords that were said, and those that came close."""

from enum import Enum
from typing import NamedTuple

from kwsd.quick_dataclass import dataclass
from kwsd.search.confidence import Signs


class MissCause(Enum):
    """Why a candidate does not fire, in the order in which it is asked."""

    NOT_ALONE = "it is not said alone, and unlikely among other words"
    LOW_SCORE = "score"
    OTHER_TEXT = "the sound is likelier as something else"
    LOW_MIN_SCORE = "min_score"
    TOKENS_APART = "its tokens are too far apart"
    TOO_SHORT = "it is too short"
    IN_REFRACTORY = "it has just fired"
    OVERLAPS_HIT = "the sound is part of another keyword"
    MORE_MAY_FOLLOW = "more may follow"
    WORD_GOES_ON = "the word goes on"
    NEXT_WORD_TOO_SOON = "another word follows at once"


class Objection(NamedTuple):
    """What speaks against a candidate."""

    cause: MissCause
    reason: str
    """For people."""
    next_token: int | None = None
    """What was said behind it, where that is what speaks against it."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a decision rests on besides the posteriors. Made for a hit or a miss only."""

    alone: bool
    """Whether it is too weak among other words, so that pauses around it decided."""
    threshold: float
    """Score that is needed."""
    running_threshold: float
    """The same among other words, where it is more."""
    least_margin_nats: float
    """The least margin among other words."""
    level_nats: float
    """Power in the span, as in `Frames.power`."""
    noise_nats: float
    """That of the quietest tenth of what is known."""
    lead_frames: int
    """Unbroken sound that is known before its first token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A keyword in the sound. Frames are counted from the origin of the stream."""

    keyword: int
    """Index into the keyword set."""
    tokens: tuple[int, ...]
    spelling: str
    """The text that is written so."""
    emitted: tuple[int, ...]
    """Frame of each token, as the search emitted it."""
    aligned: tuple[int, ...]
    """Frame on which each token is likeliest."""
    posteriors: tuple[float, ...]
    """Of each token there, 0 to 1."""
    margin_nats: float
    """How much less probable than the best hypothesis: 0 or below."""
    score: float
    """What the threshold is compared with: the mean posterior, or what a model that was fitted makes of all signs."""
    signs: Signs | None
    """All that the score was made of, where the model brings weights for it."""
    grounds: Grounds

    @property
    def min_score(self) -> float:
        """Smallest posterior."""
        return min(self.posteriors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit(Finding):
    """It was said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss(Finding):
    """It came close and did not fire."""

    cause: MissCause
    reason: str
    """For people, with the figures."""
    next_token: int | None = None
    """What was said behind it, where that is the cause."""
