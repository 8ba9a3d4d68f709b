"""What is to be encoded: recordings, the spans that they are cut into, and the pieces of work that spans make up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise

from kwsd.quick_dataclass import dataclass
from kwsd.timebase import SAMPLE_RATE, samples

GRID_SAMPLES = 8 * SAMPLE_RATE  # whole segments of 320 ms, and whole blocks in which a file is read
SPAN_S = 960.0  # 16 min: what is heard twice for the sake of a cut is 7 % of it
LANES = 16  # spans at a time: 14 s of a core for an hour of sound, 44 s for one alone, 11 s for 32
PIECE_S = 4 * 3600.0  # of sound, at most: 70 s of a core, which is what a worker that is killed loses


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file as it was when it was looked at."""

    uri: str
    """A path, or whatever fsspec opens."""
    version: str
    """Size and time of change: another version is another recording."""
    duration_s: float | None
    """None where its header does not say."""
    can_be_cut: bool
    """Whether reading may begin in the middle."""

    @property
    def id(self) -> str:
        """Names this version of the file."""
        return sha256(f"{self.uri}\0{self.version}".encode(errors="surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class FileSpan:
    """A part of a recording. Those of one recording follow each other without gap or overlap."""

    recording: ArchivedFile
    start_sample: int = 0
    """A multiple of 320 ms."""
    end_sample: int | None = None
    """None: where the sound ends."""

    @property
    def key(self) -> tuple[str, int, int | None]:
        """Names it in a store."""
        return self.recording.id, self.start_sample, self.end_sample

    @property
    def duration_s(self) -> float:
        """As far as it is known beforehand."""
        if self.end_sample is not None:
            return (self.end_sample - self.start_sample) / SAMPLE_RATE
        return max(0.0, (self.recording.duration_s or 0.0) - self.start_sample / SAMPLE_RATE)


def cut(recording: ArchivedFile, span_s: float = SPAN_S) -> list[FileSpan]:
    """Spans of that length, the last up to half as long again; one span where it cannot be cut."""
    if not recording.can_be_cut or recording.duration_s is None:
        return [FileSpan(recording)]
    length = max(GRID_SAMPLES, samples(span_s) // GRID_SAMPLES * GRID_SAMPLES)
    cuts = range(length, max(1, samples(recording.duration_s) - length // 2), length)
    return spans_between(recording, cuts)


def spans_between(recording: ArchivedFile, cuts: Iterable[int]) -> list[FileSpan]:
    """Spans between cuts, in samples."""
    ends = [0, *cuts]
    return [*(FileSpan(recording, start, end) for start, end in pairwise(ends)), FileSpan(recording, ends[-1])]


def pieces(spans: Sequence[FileSpan], workers: int, piece_s: float = PIECE_S) -> Iterator[tuple[FileSpan, ...]]:
    """Spans for one worker after the other, four times as many pieces as workers where there are spans enough.

    Each has as many as are encoded at a time, so far as all workers get some. The longest come first, so that all
    workers end at about the same time.
    """
    total_s = sum(span.duration_s for span in spans)
    most_s, fair_s = min(piece_s, total_s / (4 * workers)), min(piece_s, total_s / workers)
    piece: list[FileSpan] = []
    piece_so_far_s = 0.0
    for span in sorted(spans, key=lambda span: -span.duration_s):
        end_s = piece_so_far_s + span.duration_s
        if piece and (end_s > fair_s or (end_s > most_s and len(piece) >= LANES)):
            yield tuple(piece)
            piece, piece_so_far_s = [], 0.0
        piece.append(span)
        piece_so_far_s += span.duration_s
    if piece:
        yield tuple(piece)
