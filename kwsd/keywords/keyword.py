"""A keyword as its user means it, before any model has tokenised it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keyword:
    """A phrase to listen for. Whatever is None takes the stream's default."""

    phrase: str
    """As typed, for people: `lights on`."""
    name: str = ""
    """Stable name of the event; empty means the phrase itself."""
    spellings: tuple[str, ...] = ()
    """Further written forms of the same keyword; one that starts with `▁` is taken as ready-made pieces."""
    written_forms: bool = True
    """Whether to add texts of the same sound (MR for MISTER). Without, only `spellings` count, or the phrase alone."""
    boost: float | None = None
    """Log-probability lent per token while the phrase is being matched."""
    threshold: float | None = None
    """Smallest mean token posterior that fires, 0 < threshold <= 1."""
    min_score: float | None = None
    """Smallest posterior that any single token may have, 0 to 1."""
    trailing_blanks: int | None = None
    """Blank frames of 40 ms that must follow the last token."""
    max_gap_s: float | None = None
    """Longest time between two neighbouring tokens, seconds."""
    min_duration_s: float | None = None
    """Shortest time from first to last token, seconds."""
    refractory_s: float | None = None
    """Time after a hit in which the same keyword stays quiet, seconds of audio."""
    enabled: bool = True

    @property
    def label(self) -> str:
        """What events call it."""
        return self.name or self.phrase
