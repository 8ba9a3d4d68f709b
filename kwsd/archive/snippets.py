"""What is heard around hits: short sounds for people to listen to."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np

from kwsd.archive.recordings import Unusable, look, noted, open_span
from kwsd.archive.spans import GRID_SAMPLES, ArchivedFile, FileSpan
from kwsd.audio.file import as_mp3
from kwsd.errors import AudioError
from kwsd.stream import Float32
from kwsd.timebase import samples

AROUND_S = 1.0
LONGEST_S = 15.0
MOST = 200  # 3 MB of page


class HitPlace(NamedTuple):
    """Where a hit is."""

    recording: str
    start_s: float
    end_s: float

    @classmethod
    def of(cls, row: dict[str, Any]) -> HitPlace:
        """Of a row of hits."""
        return cls(row["recording"], row["start"], row["end"])

    @property
    def name(self) -> str:
        """For an anchor: letters and digits, whatever the recording is called."""
        return f"h{sha256(repr(self).encode(errors='surrogatepass')).hexdigest()[:12]}"


def surest(rows: Sequence[dict[str, Any]], most: int = MOST) -> dict[str, list[HitPlace]]:
    """Places of the hits with the highest scores, by recording."""
    chosen: dict[str, list[HitPlace]] = {}
    for row in sorted(rows, key=lambda row: -row["score"])[:most]:
        chosen.setdefault(row["recording"], []).append(HitPlace.of(row))
    return chosen


def cut_out(wanted: tuple[str, Sequence[HitPlace]]) -> dict[HitPlace, str]:
    """The version of a recording that was searched, and places in it → their sound as data: addresses.

    Raises AudioError: it cannot be read any more, or is not what was searched.
    """
    version, places = wanted
    uri, found = places[0].recording, dict[HitPlace, str]()
    told = look(uri)
    if isinstance(told, Unusable):
        raise AudioError(told.why)
    if told.id != version:
        raise AudioError("it has changed since it was indexed; index it again")
    groups = [[each] for each in places] if told.can_be_cut else [sorted(places, key=lambda each: each.start_s)]
    with noted():  # the report has what is amiss with it
        for group in groups:
            for place, sound in _heard(told, group):
                found[place] = f"data:audio/mpeg;base64,{b64encode(as_mp3(sound)).decode()}"
    return found


def _heard(told: ArchivedFile, places: Sequence[HitPlace]) -> Iterator[tuple[HitPlace, Float32]]:
    """Their sound, in one pass over the recording from the first of them on."""
    wanted = {
        place: (
            samples(max(0.0, place.start_s - AROUND_S)),
            samples(min(place.end_s, place.start_s + LONGEST_S) + AROUND_S),
        )
        for place in places
    }
    begin = min(start for start, _ in wanted.values()) // GRID_SAMPLES * GRID_SAMPLES if told.can_be_cut else 0
    last = max(end for _, end in wanted.values())
    parts: dict[HitPlace, list[Float32]] = {place: [] for place in places}
    try:
        for chunk in open_span(FileSpan(told), begin):
            for place, (start, end) in wanted.items():
                first, after = (max(0, edge - chunk.start_sample) for edge in (start, end))
                parts[place].append(chunk.samples[first:after])
            if chunk.end_sample >= last:
                break
    except AudioError:
        return
    for place, sounds in parts.items():
        if any(map(len, sounds)):
            yield place, np.concatenate(sounds)
