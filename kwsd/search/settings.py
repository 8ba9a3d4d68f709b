"""Stream-wide defaults of the search. Those that a keyword may override have the same name in `Keyword`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSettings:
    """How hard to search and what to believe. Defaults come from the curves in bench/RESULTS.md."""

    boost: float = 1.5
    """Log-probability lent per token of a keyword in progress; it steers pruning and is no part of any score."""
    threshold: float = 0.49
    """Smallest mean token posterior that fires."""
    running_threshold: float = 0.0
    """The same for short phrases (of up to five tokens) among other words, where it is more; between pauses `threshold`
    is enough. A keyword with a threshold of its own is not held to this one."""
    min_score: float = 0.001
    """Smallest posterior that any single token may have."""
    min_margin: float = -6.25
    """How much less probable (nats) than the best way to hear the sound, with or without keywords, a phrase may be."""
    margin_per_token: float = 0.0
    """The same for each of its tokens, on top: long phrases gather many small doubts, and short ones are soon heard."""
    alone_margin: float = 0.0
    """The same, on top, for what is said alone, with a pause before and behind it, as machines are spoken to."""
    trailing_blanks: int = 0
    """Blank frames (40 ms each) that must follow the last token; the next word may begin up to two frames before.

    0 costs nothing in accuracy here, since the end of the word is looked for as well, and saves 50 ms."""
    max_gap_s: float = 0.8
    """Longest time between neighbouring tokens: syllables 8 s apart make no keyword (sherpa-onnx#1417)."""
    min_duration_s: float = 0.0
    """Shortest time from first to last token."""
    refractory_s: float = 0.5
    """Audio time after a hit in which the same keyword stays quiet."""
    beam: int = 8
    """Hypotheses kept per frame."""
    beam_delta: float = 5.0
    """Hypotheses further than this (nats) behind the best are dropped: in silence only one stays."""
