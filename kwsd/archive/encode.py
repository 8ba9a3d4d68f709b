"""Spans of recordings → their frames, many spans in one call of the encoder.

What a span gives is what its recording gives in one go, to the last digit at 16 kHz: hearing begins earlier by all that
the encoder can reach back to, and that is thrown away but for what the search wants to have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream, encode
from kwsd.archive.spans import GRID_SAMPLES, LANES, FileSpan
from kwsd.errors import KwsdError
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Chunk, Frames
from kwsd.timebase import ENCODER_SHIFT_SAMPLES, SUBSAMPLING, fbank_samples_needed

TURN_CHUNKS = 8  # of half a second
SEARCH_RUN_IN_SEGMENTS = 75  # 24 s: the 10 s that are looked back on, and whatever was being said before them

Open = Callable[[FileSpan, int], Iterator[Chunk]]
"""Sound of a span's recording from a sample on, to its end, as Chunks at their place in it. Raises KwsdError."""


@dataclass(frozen=True, slots=True)
class Made:
    """What has become of a span: its next frames, or its end."""

    span: int
    """Its place among those given."""
    frames: Frames | None = None
    """In its recording's time. The first of them are the search's run-in: they begin before the span does."""
    heard_samples: int = 0
    """With its end: sound up to which it was heard, which is less than there should be where the file is cut off."""
    error: KwsdError | None = None
    """With its end: why it could not be heard."""


class Lane:
    """One span being heard."""

    def __init__(self, model: Model, number: int, span: FileSpan, open_span: Open) -> None:
        """Nothing is opened before the first turn."""
        shift_samples = model.encoder.output_frames * ENCODER_SHIFT_SAMPLES
        search_start = max(0, span.start_sample - SEARCH_RUN_IN_SEGMENTS * shift_samples)
        wanted = search_start - model.encoder.reach_segments * shift_samples
        start = max(0, wanted // GRID_SAMPLES * GRID_SAMPLES)
        self.number = number
        self.stream = AcousticStream(model, numpy_features=True)
        self.ended = False
        self._origin_sample, self._left_out = search_start, (search_start - start) // shift_samples
        self._enough: int | None = None
        self._segments: int | None = None
        if span.end_sample is not None:
            self._segments = (span.end_sample - start) // shift_samples
            fbank = (self._segments - 1) * shift_samples // ENCODER_SHIFT_SAMPLES * SUBSAMPLING
            self._enough = start + fbank_samples_needed(fbank + model.encoder.segment_frames)
        self._chunks = open_span(span, start)

    def take(self) -> None:
        """The sound of some seconds, for `encode`. Raises KwsdError: it cannot be read."""
        for _ in range(TURN_CHUNKS):
            chunk = next(self._chunks, None)
            if chunk is None:
                self.stream.take_end()
                self.ended = True
                return
            self.stream.take(chunk)
            if self._enough is not None and chunk.end_sample >= self._enough:
                self.ended = True
                return

    def kept(self, frames: Frames) -> Frames | None:
        """Those of the span and of the search's run-in, counted from where that begins."""
        number = frames.first // frames.count
        if number < self._left_out or (self._segments is not None and number >= self._segments):
            return None
        first = (number - self._left_out) * frames.count
        return replace(frames, origin_sample=self._origin_sample, first=first)


def encode_spans(model: Model, spans: Sequence[FileSpan], open_span: Open, lanes: int = LANES) -> Iterator[Made]:
    """All spans, so many at a time; what comes of them comes mixed, of each in order. Memory stays flat."""
    waiting = (Lane(model, number, span, open_span) for number, span in enumerate(spans))
    active: list[Lane] = []
    while active := [*active, *islice(waiting, lanes - len(active))]:
        for lane in active.copy():
            try:
                lane.take()
            except KwsdError as error:
                active.remove(lane)
                yield Made(lane.number, error=error)
        for lane, made in zip(active, encode([lane.stream for lane in active]), strict=True):
            yield from (Made(lane.number, kept) for frames in made if (kept := lane.kept(frames)))
            if lane.ended:
                yield Made(lane.number, heard_samples=lane.stream.next_sample or 0)
        active = [lane for lane in active if not lane.ended]
