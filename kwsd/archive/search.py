"""Frames of spans → detections, each told by the one span in which it was decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from kwsd.acoustic.model import Model
from kwsd.archive.encode import SEARCH_RUN_IN_SEGMENTS, Made
from kwsd.archive.spans import FileSpan
from kwsd.errors import ConfigError
from kwsd.events import Detection, Event
from kwsd.keywords.compile import CompiledKeywords
from kwsd.search.beam import Match
from kwsd.search.search import HISTORY_FRAMES
from kwsd.search.settings import SearchSettings
from kwsd.search.side_by_side import SideBySide
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Frames
from kwsd.timebase import encoder_frame_start

LONGEST_REFRACTORY_FRAMES = SEARCH_RUN_IN_SEGMENTS * 8 - HISTORY_FRAMES  # 14 s: what fires before is not known of


def require_short_memory(compiled: CompiledKeywords) -> None:
    """Raises ConfigError: what a keyword does would hang on what was said before the run-in of a span."""
    for keyword, limits in zip(compiled.keywords, compiled.searched.limits, strict=True):
        if limits.refractory_frames > LONGEST_REFRACTORY_FRAMES:
            raise ConfigError(
                f"{keyword.label}: refractory_s is more than {LONGEST_REFRACTORY_FRAMES * 0.04:g}, over which spans of "
                "a recording do not know of each other; make it less and thin the hits out"
            )
        if keyword.then and keyword.then_s > LONGEST_REFRACTORY_FRAMES * 0.04:
            raise ConfigError(
                f"{keyword.label}: then_s is more than {LONGEST_REFRACTORY_FRAMES * 0.04:g}, over which spans of a "
                "recording do not know of each other; make it less"
            )


def search_spans(
    model: Model, compiled: CompiledKeywords, settings: SearchSettings, spans: Sequence[FileSpan], made: Iterable[Made]
) -> Iterator[tuple[int, Detection]]:
    """Detections with the place of their span; frames of spans may come mixed. Times are the recording's."""
    compiled = compiled.without_misses()
    searching: dict[int, PhraseSpotter] = {}
    beams = SideBySide(compiled.searched, model.transducer)
    for turn in turns(made):
        heard = {each.span: each.frames for each in turn if each.frames is not None}
        for place in heard.keys() - searching:
            searching[place] = PhraseSpotter(model, compiled, settings)
        told = search_together(beams, [searching[place] for place in heard], [*heard.values()])
        for (place, frames), events in zip(heard.items(), told, strict=True):
            begin = frames.origin_sample + encoder_frame_start(frames.first)
            for event in events:
                if isinstance(event, Detection) and begin >= spans[place].start_sample:
                    yield place, event
        for each in turn:
            if each.frames is None:
                searching.pop(each.span, None)


def search_together(
    beams: SideBySide, spotters: Sequence[PhraseSpotter], frames: Sequence[Frames]
) -> list[Iterator[Event]]:
    """What `search` gives for each of some spotters that share their compiled keywords; together they cost less."""
    going_on = [
        (place, spotter.searching.beam, each.encoder_out, each.first)
        for place, (spotter, each) in enumerate(zip(spotters, frames, strict=True))
        if each.encoder_out is not None and each.origin_sample == spotter.searching.origin_sample
    ]
    matches: dict[int, list[Match]] = {}
    if going_on:
        places, *given = zip(*going_on, strict=True)
        matches = dict(zip(places, beams.push(*given), strict=True))
    return [
        spotter.search(each, matches.get(place))
        for place, (spotter, each) in enumerate(zip(spotters, frames, strict=True))
    ]


def turns(made: Iterable[Made]) -> Iterator[list[Made]]:
    """One of each span at a time, of spans that were encoded side by side, where some came of each in a row."""
    waiting: dict[int, list[Made]] = {}
    span = None
    for each in made:
        if each.span != span and each.span in waiting:
            yield from _side_by_side(waiting)
            waiting = {}
        span = each.span
        waiting.setdefault(span, []).append(each)
    yield from _side_by_side(waiting)


def _side_by_side(waiting: dict[int, list[Made]]) -> Iterator[list[Made]]:
    for row in zip_longest(*waiting.values()):
        yield [each for each in row if each is not None]
