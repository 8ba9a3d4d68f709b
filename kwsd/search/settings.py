"""The 13 settings of the search, said here once. Those that a keyword may override have the same name in `Keyword`."""

from dataclasses import field, fields
from typing import Annotated, Any, Self

from kwsd.fields import check_fields
from kwsd.limits import (
    BEAM,
    BEAM_DELTA,
    BOOST,
    DURATION_S,
    END_S,
    GAP_S,
    LONGEST_ORDER_S,
    MARGIN,
    MIN_SCORE,
    NOTHING_S,
    PRE_ROLL_S,
    REFRACTORY_S,
    THRESHOLD,
    TRAILING_BLANKS,
)
from kwsd.quick_dataclass import dataclass

SHORT_TOKENS = 5
"""Phrases of at most so many tokens come about by chance among other words. Asked of longer ones too, a higher score
lost a tenth of the wake words that are said in one breath with what follows (docs/decisions/0003)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How hard to search and what to believe. Defaults come from the curves in bench/README.md.

    What was not given may be filled in from elsewhere (`over`): a model has an opinion of its own on most of them.
    Raises SettingError: a value is outside what `kwsd.limits` allows.
    """

    boost: Annotated[float, BOOST] = 1.5
    """Log-probability lent per token of a keyword in progress; it steers pruning and is no part of any score."""
    threshold: Annotated[float, THRESHOLD] = 0.49
    """Smallest score that fires: the mean token posterior, or what a model that was fitted makes of all signs."""
    running_threshold: Annotated[float, MIN_SCORE] = 0.0
    """The same for short phrases (of up to five tokens) among other words, where it is more; between pauses `threshold`
    is enough. A keyword with a threshold of its own is not held to this one."""
    min_score: Annotated[float, MIN_SCORE] = 0.001
    """Smallest posterior that any single token may have."""
    min_margin: Annotated[float, MARGIN] = -6.25
    """How much less probable (nats) than the best way to hear the sound, with or without keywords, a phrase may be."""
    margin_per_token: Annotated[float, MARGIN] = 0.0
    """The same for each of its tokens, on top: long phrases gather many small doubts, and short ones are soon heard."""
    alone_margin: Annotated[float, MARGIN] = 0.0
    """The same, on top, for what is said alone, with a pause before and behind it, as machines are spoken to."""
    trailing_blanks: Annotated[int, TRAILING_BLANKS] = 0
    """Blank frames (40 ms each) that must follow the last token; the next word may begin up to two frames before.

    0 costs nothing in accuracy here, since the end of the word is looked for as well, and saves 50 ms."""
    max_gap_s: Annotated[float, GAP_S] = 0.8
    """Longest time between neighbouring tokens: syllables 8 s apart make no keyword (sherpa-onnx#1417)."""
    min_duration_s: Annotated[float, DURATION_S] = 0.0
    """Shortest time from first to last token."""
    refractory_s: Annotated[float, REFRACTORY_S] = 0.15
    """Audio time after a hit in which the same keyword stays quiet.

    In 1.5 h of read speech with 200 of its commonest words and pairs, 1772 hits, 0.6 s would keep one repeat back."""
    beam: Annotated[int, BEAM] = 8
    """Hypotheses kept per frame."""
    beam_delta: Annotated[float, BEAM_DELTA] = 5.0
    """Hypotheses further than this (nats) behind the best are dropped: in silence only one stays."""
    given: frozenset[str] = field(init=False, compare=False, repr=False)
    """Names of those that were given, also where the value is the default."""

    def __new__(cls, **given: Any) -> Self:  # noqa: D102 - records what __init__ cannot tell from a default
        settings = object.__new__(cls)  # `slots` makes another class of this one, so that super() fails
        object.__setattr__(settings, "given", frozenset(given))
        return settings

    def __post_init__(self) -> None:
        check_fields(self)

    def chosen(self) -> dict[str, Any]:
        """What was given, by name."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name in self.given}

    def over(self, other: Self) -> Self:
        """What is given here, and of the rest what is given there.

        A threshold of one's own holds among other words too, unless that is given as well.
        """
        theirs = other.chosen()
        if "threshold" in self.given:
            theirs.pop("running_threshold", None)
        return type(self)(**{**theirs, **self.chosen()})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """[orders]: what is said behind a keyword with `listen`, and after the command `listen`.

    Raises SettingError: a value is outside what `kwsd.limits` allows.
    """

    end_s: Annotated[float, END_S] = 0.8
    """Silence that ends an order, seconds."""
    longest_s: Annotated[float, LONGEST_ORDER_S] = 15.0
    """Longest order; what is longer is cut there."""
    nothing_s: Annotated[float, NOTHING_S] = 4.0
    """Seconds in which nothing is said until `no_speech` tells so."""
    pre_roll_s: Annotated[float, PRE_ROLL_S] = 0.3
    """The sound of an order begins so long before the end of its keyword, seconds."""

    def __post_init__(self) -> None:
        check_fields(self)
