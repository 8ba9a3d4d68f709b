"""What pieces of an archive cost, in this process: encoded, kept, searched for lists of phrases."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.archive.material import MODEL
from kwsd.acoustic.model import Model
from kwsd.archive.encode import encode_spans
from kwsd.archive.jobs import index_piece
from kwsd.archive.recordings import look, open_span
from kwsd.archive.search import search_spans
from kwsd.archive.spans import ArchivedFile, FileSpan, cut, pieces
from kwsd.archive.store import Store, read_frames, read_spans
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Index:
    """Of some sound."""

    sound_s: float
    core_s: float
    bytes_kept: int

    @property
    def core_s_per_hour(self) -> float:
        """Processor time for an hour of sound."""
        return self.core_s / self.sound_s * HOUR_S

    @property
    def mb_per_hour(self) -> float:
        """Of the store."""
        return self.bytes_kept / 1e6 / self.sound_s * HOUR_S


@dataclass(frozen=True, slots=True)
class Search:
    """For one list, twice in one process: nodes of the graph and decoder outputs are made where they are met first."""

    phrases: int
    hits: int
    first_core_s_per_hour: float
    again_core_s_per_hour: float


def spans_of(paths: Sequence[Path]) -> list[FileSpan]:
    """As kwsd-archive cuts them."""
    found = [look(str(path)) for path in paths]
    return [span for each in found if isinstance(each, ArchivedFile) for span in cut(each)]


def index(paths: Sequence[Path], folder: Path) -> Index:
    """All of them by one worker, into a new store."""
    model = Model.load(MODEL, same_everywhere=True)
    store = Store(folder, model.encoder.fingerprint)
    store.make()
    spans = spans_of(paths)
    done = [index_piece(folder, str(MODEL), model.encoder.fingerprint, piece) for piece in pieces(spans, 1)]
    sound_s = sum(span.duration_s for span in spans)
    kept = sum(path.stat().st_size for path in store.pieces())
    return Index(sound_s, sum(each.core_s for each in done), kept)


def search(folder: Path, phrases: Sequence[str]) -> Search:
    """All that is in a store, reading it included."""
    model = Model.load(MODEL, same_everywhere=True)
    compiled = PhraseSpotter(model, phrases).compiled
    sound_s, hits, took = 0.0, 0, []
    for _ in range(2):
        sound_s, hits, began_s = 0.0, 0, time.process_time()
        for piece in Store(folder, model.encoder.fingerprint).pieces():
            kept = read_spans(piece)
            spans = [kept[place].span for place in sorted(kept)]  # none failed
            hits += sum(1 for _ in search_spans(model, compiled, SearchSettings(), spans, read_frames(piece, kept)))
            sound_s += sum(each.span.duration_s for each in kept.values())
        took.append((time.process_time() - began_s) / sound_s * HOUR_S)
    return Search(len(phrases), hits, *took)


def encoded_alone(paths: Sequence[Path]) -> Index:
    """Without batches: one span at a time, as a prototype would."""
    model, spans, began_s = Model.load(MODEL, same_everywhere=True), spans_of(paths), time.process_time()
    for _ in encode_spans(model, spans, open_span, lanes=1):
        pass
    return Index(sum(span.duration_s for span in spans), time.process_time() - began_s, 0)
