"""What kwsd tells the world: frozen records, no input or output."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """One keyword heard. Times are seconds since the start of the stream, on a clock that never restarts."""

    keyword: str
    """Stable name: the `@display name` of the keyword file, else the phrase as typed."""
    phrase: str
    """The phrase as typed by the user, whichever of its spellings was heard."""
    start: float
    """Seconds: frame of the first token. The sound itself begins about a quarter of a second earlier."""
    end: float
    """Seconds: end of the frame on which the last token is most likely."""
    score: float
    """Mean over the tokens of each token's best acoustic posterior inside its own span, 0 to 1."""
    min_score: float
    """The smallest of those posteriors, 0 to 1."""
    threshold: float
    """What `score` had to reach."""
    tokens: tuple[str, ...]
    """Pieces of the spelling that matched."""
    timestamps: tuple[float, ...]
    """Seconds: the frame each token was emitted on."""
    engine: str = "zipformer"
    """Which engine heard it."""
    second_engine: str | None = None
    """Which other engine heard the same word at the same time; None when one engine heard it alone."""
    second_score: float | None = None
    """That engine's score, 0 to 1."""
    stream_time: float = 0.0
    """Seconds of audio that had to arrive before this could be decided."""
    latency_ms: float = 0.0
    """`stream_time` minus `end`: audio time from the end of the phrase to its detection."""
    type: str = "detection"

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON-ready values, `type` first."""
        fields = asdict(self)
        return {"type": fields.pop("type"), **fields}
