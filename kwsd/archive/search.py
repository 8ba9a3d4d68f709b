"""Frames of spans → detections, each told by the one span in which it was decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kwsd.acoustic.model import Model
from kwsd.archive.encode import SEARCH_RUN_IN_SEGMENTS, Made
from kwsd.archive.spans import FileSpan
from kwsd.errors import ConfigError
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.search.search import HISTORY_FRAMES
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.timebase import encoder_frame_start

LONGEST_REFRACTORY_FRAMES = SEARCH_RUN_IN_SEGMENTS * 8 - HISTORY_FRAMES  # 14 s: what fires before is not known of


def require_short_memory(compiled: CompiledKeywords) -> None:
    """Raises ConfigError: a keyword would have to stay quiet because of what was said before the run-in of a span."""
    for keyword, limits in zip(compiled.keywords, compiled.searched.limits, strict=True):
        if limits.refractory_frames > LONGEST_REFRACTORY_FRAMES:
            raise ConfigError(
                f"{keyword.label}: refractory_s is more than {LONGEST_REFRACTORY_FRAMES * 0.04:g}, over which spans of "
                "a recording do not know of each other; make it less and thin the hits out"
            )


def search_spans(
    model: Model, compiled: CompiledKeywords, settings: SearchSettings, spans: Sequence[FileSpan], made: Iterable[Made]
) -> Iterator[tuple[int, Detection]]:
    """Detections with the place of their span; frames of spans may come mixed. Times are the recording's."""
    searching: dict[int, PhraseSpotter] = {}
    for each in made:
        if each.frames is None:
            searching.pop(each.span, None)
            continue
        if each.span not in searching:
            searching[each.span] = PhraseSpotter(model, compiled, settings)
        begin = each.frames.origin_sample + encoder_frame_start(each.frames.first)
        for event in searching[each.span].search(each.frames):
            if isinstance(event, Detection) and begin >= spans[each.span].start_sample:
                yield each.span, event
