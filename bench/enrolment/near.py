"""Where a keyword could be heard at all: hours of speech are then searched once for a hundred of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import token_sequences
from kwsd.search.beam import BeamSearch
from kwsd.search.graph import ContextGraph
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Frames
from kwsd.timebase import ENCODER_SHIFT_SAMPLES
from measure.progress import track

WIDE_BEAM = 32
AROUND = 12  # calls of the encoder, 320 ms each: a phrase, the pause before it and what decides behind it


def near_matches(
    model: Model, keywords: Sequence[Keyword], frames: Sequence[Frames]
) -> Iterator[tuple[Keyword, list[Frames]]]:
    """Each keyword with the frames around whatever matches it at all: what is elsewhere need not be searched again.

    One search for all of them finds the matches, with a beam so wide that they do not take each other's place. What
    two may be said as counts for both: in a list it would be the first one's.
    """
    settings = model.settings(beam=WIDE_BEAM, threshold=0.01)
    named = [replace(keyword, name=str(number)) for number, keyword in enumerate(keywords)]
    searched = PhraseSpotter(model, named, settings).compiled.searched
    sequences = [
        replace(sequence, keyword=number, boost=settings.boost)
        for number, keyword in enumerate(keywords)
        for sequence in token_sequences(keyword, model.tokenizer)
    ]
    searched = replace(searched, graph=ContextGraph(sequences))
    beam = BeamSearch(searched, model.transducer)
    places: dict[int, list[int]] = {number: [] for number in range(len(keywords))}
    for place, each in enumerate(track(frames, "matches")):
        if each.encoder_out is None or each.first == 0:
            beam.reset()
        if each.encoder_out is None:
            continue
        for match in beam.push(each.encoder_out, each.first):
            limits = searched.limits[match.sequence.keyword]
            if match.margin >= limits.least_margin(len(match.sequence.tokens)) + limits.alone_margin:
                places[match.sequence.keyword].append(place)
    for number, keyword in enumerate(keywords):
        near = sorted({near for at in places[number] for near in range(max(0, at - AROUND), at + AROUND)})
        yield keyword, list(rebased([place for place in near if place < len(frames)], frames))


def rebased(places: Sequence[int], frames: Sequence[Frames]) -> Iterator[Frames]:
    """These frames; where some are left out between two, the second begins a stream."""
    first, last = 0, -2
    for place in places:
        each = frames[place]
        if place != last + 1 or each.first == 0:
            first = each.first
        last = place
        moved = each.origin_sample + first * ENCODER_SHIFT_SAMPLES
        yield replace(each, first=each.first - first, origin_sample=moved)
