"""A keyword as its user means it, before any model has tokenised it: in a file, a command or a program."""

from collections.abc import Iterable
from typing import Annotated, Self

from kwsd.fields import check_fields
from kwsd.limits import (
    ARMED_S,
    BOOST,
    DURATION_S,
    GAP_S,
    MIN_SCORE,
    NAME,
    REFRACTORY_S,
    THRESHOLD,
    TRAILING_BLANKS,
    TYPED,
)
from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Keyword:
    """A phrase to listen for. Whatever is None takes the stream's default.

    Raises SettingError: a value is outside what `kwsd.limits` allows.
    """

    phrase: Annotated[str, TYPED]
    """As typed, for people: `lights on`."""
    name: Annotated[str, NAME] = ""
    """Stable name of the event; empty means the phrase itself."""
    spellings: tuple[Annotated[str, TYPED], ...] = ()
    """Further written forms of the same keyword; one that starts with `▁` is taken as ready-made pieces."""
    written_forms: bool = True
    """Whether to add texts of the same sound (MR for MISTER). Without, only `spellings` count, or the phrase alone."""
    boost: Annotated[float, BOOST] | None = None
    """Log-probability lent per token while the phrase is being matched."""
    threshold: Annotated[float, THRESHOLD] | None = None
    """Smallest score that fires, 0 < threshold <= 1."""
    min_score: Annotated[float, MIN_SCORE] | None = None
    """Smallest posterior that any single token may have, 0 to 1."""
    trailing_blanks: Annotated[int, TRAILING_BLANKS] | None = None
    """Blank frames of 40 ms that must follow the last token."""
    max_gap_s: Annotated[float, GAP_S] | None = None
    """Longest time between two neighbouring tokens, seconds."""
    min_duration_s: Annotated[float, DURATION_S] | None = None
    """Shortest time from first to last token, seconds."""
    refractory_s: Annotated[float, REFRACTORY_S] | None = None
    """Time after a hit in which the same keyword stays quiet, seconds of audio."""
    then: Annotated[str, NAME] = ""
    """Keyword file that is listened for behind this keyword, and only there; beside the keyword file that names it."""
    then_s: Annotated[float, ARMED_S] = 8.0
    """For so long, seconds."""
    listen: bool = False
    """Whether to listen for an order behind it: `speech_start`, and `speech_end` or `no_speech`, are told."""
    enabled: bool = True
    """Whether it is listened for."""

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def label(self) -> str:
        """What events call it."""
        return self.name or self.phrase

    @classmethod
    def of(cls, keywords: "Iterable[Self | str]") -> tuple[Self, ...]:
        """Keywords as programs give them: a text is its phrase, and a lone text a list of one."""
        given = [keywords] if isinstance(keywords, str) else keywords
        return tuple(cls(keyword) if isinstance(keyword, str) else keyword for keyword in given)
