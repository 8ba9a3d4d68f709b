"""What a search needs to know of its keywords. Immutable; any number of streams share one."""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise

from kwsd.quick_dataclass import dataclass
from kwsd.search.alignment import Alignment
from kwsd.search.confidence import Confidence
from kwsd.search.graph import ContextGraph
from kwsd.search.hits import MissCause, Objection
from kwsd.search.settings import SHORT_TOKENS


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordLimits:
    """What one keyword must fulfil, defaults filled in, times in encoder frames; `SearchSettings` says what they do."""

    threshold: float
    running_threshold: float
    min_score: float
    min_margin: float
    margin_per_token: float
    alone_margin: float
    max_gap_frames: int
    min_duration_frames: int
    refractory_frames: int

    def least_running_score(self, tokens: int) -> float:
        """The mean posterior that a phrase of so many tokens needs among other words, where `threshold` is less."""
        return self.running_threshold if tokens <= SHORT_TOKENS else 0.0

    def least_margin(self, tokens: int) -> float:
        """How much less probable than the best reading, nats, a phrase of so many tokens may be."""
        return self.min_margin + tokens * self.margin_per_token

    def too_weak(self, score: float, alignment: Alignment) -> Objection | None:
        """What is too low: the score of the whole, or one of its posteriors."""
        if score < self.threshold:
            return Objection(MissCause.LOW_SCORE, f"score {score:.3f} is below {self.threshold:g}")
        if alignment.min_score < self.min_score:
            return Objection(
                MissCause.LOW_MIN_SCORE, f"min_score {alignment.min_score:.3f} is below {self.min_score:g}"
            )
        return None

    def too_loose(self, alignment: Alignment) -> Objection | None:
        """Whether its tokens stand too far apart, or all of them too close."""
        frames = alignment.frames
        if any(after - before > self.max_gap_frames for before, after in pairwise(frames)):
            return Objection(MissCause.TOKENS_APART, MissCause.TOKENS_APART.value)
        if frames[-1] - frames[0] < self.min_duration_frames:
            return Objection(MissCause.TOO_SHORT, MissCause.TOO_SHORT.value)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordSet:
    """All keywords of a search; one is known by its place in `labels`."""

    labels: tuple[str, ...]
    """Stable names: what a keyword has fired lately is known by it when the set is replaced."""
    limits: tuple[KeywordLimits, ...]
    """One per keyword."""
    graph: ContextGraph
    word_starts: frozenset[int]
    """Tokens that may begin a new word."""
    marks_words: bool
    """Whether tokens tell where words begin; unmarked phones do not."""
    beam: int
    """Hypotheses kept per frame."""
    beam_delta: float
    """Nats behind the best hypothesis beyond which one is dropped."""
    confidence: Confidence | None = None
    """What makes one score of all that is seen of long phrases; None asks one rule after the other about these too."""
    tells_misses: bool = True
    """Whether what was nearly said is told of as well."""

    def confidence_in(self, tokens: int) -> Confidence | None:
        """What decides about a phrase of so many tokens; None where rules do."""
        confidence = self.confidence
        return confidence if confidence is not None and tokens >= confidence.least_tokens else None

    max_gap_frames: int = field(init=False)
    """The longest gap that any keyword allows."""

    def __post_init__(self) -> None:
        """Look through the list once: every stream that begins wants to know."""
        longest = max((limits.max_gap_frames for limits in self.limits), default=0)
        object.__setattr__(self, "max_gap_frames", longest)
