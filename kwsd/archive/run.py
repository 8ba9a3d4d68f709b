"""Index and search, as the one who asks sees them: what is left to do, who does it, what came of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

from kwsd.acoustic.model import Model
from kwsd.archive.cluster import Workers
from kwsd.archive.jobs import (
    VERSION,
    Indexed,
    index_piece,
    look_at,
    name_of,
    search_piece,
    search_told,
    sound_of,
    write_search,
)
from kwsd.archive.outputs import Row
from kwsd.archive.recordings import Unusable, find
from kwsd.archive.spans import ArchivedFile, FileSpan, cut, pieces
from kwsd.archive.store import Kept, Store, StoreError, read_spans
from kwsd.errors import KwsdError
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.small_files import parse_json, written_whole
from kwsd.timebase import samples

LOOKED_AT_ONCE = 64
REPORT = "report.jsonl"
Advance = Callable[[int], None]
"""Told of samples that are done."""


@dataclass
class FileOutcome:
    """What became of a file."""

    recording: str
    outcome: Literal["indexed", "kept", "failed", "waiting"]
    """kept: was in the store already; waiting: the run ended before it was its turn, another takes it up."""
    sound_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    """Why it failed, or what is amiss with it."""


@dataclass
class IndexReport:
    """Of a run."""

    outcomes: dict[str, FileOutcome]
    core_s: float = 0.0
    store_error: str | None = None

    def take(self, indexed: Indexed, missing: Counter[str]) -> None:
        """What came of a piece; `missing` counts the spans that are still to come of each file."""
        self.core_s += indexed.core_s
        for kept in indexed.kept:
            uri = kept.span.recording.uri
            _count(self, kept)
            missing[uri] -= 1
            if not missing[uri] and self.outcomes[uri].outcome == "waiting":
                self.outcomes[uri].outcome = "indexed"
        for each in indexed.failed:
            _fail(self, each.uri, each.why)

    def write(self, path: Path) -> None:
        """A line for each file. Raises OSError: that of the run before stays."""
        lines = [json.dumps(asdict(each)) for each in self.outcomes.values()]
        with written_whole(path) as part:
            part.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def survey(workers: Workers, sources: Iterable[str]) -> list[ArchivedFile | Unusable]:
    """Every file of the sources with what its header tells."""
    found: list[ArchivedFile | Unusable] = []
    uris = []
    for each in find(sources):
        if isinstance(each, Unusable):
            found.append(each)
        else:
            uris.append(each)
    groups = [tuple(uris[at : at + LOOKED_AT_ONCE]) for at in range(0, len(uris), LOOKED_AT_ONCE)]
    alone: list[tuple[str, ...]] = []  # of groups that ended their workers, as below
    for group, result in chain(workers.run(look_at, groups), workers.run(look_at, alone)):
        if not isinstance(result, Exception):
            found += result
        elif len(group) > 1:
            alone += [(uri,) for uri in group]
        else:
            found.append(Unusable(group[0], f"{type(result).__name__}: {result}"))
    return sorted(found, key=lambda each: each.uri)


def index(
    workers: Workers, folder: Path, model: Model, found: Sequence[ArchivedFile | Unusable], advance: Advance
) -> IndexReport:
    """Encode what is not in the store yet. Raises StoreError."""
    store = Store(folder, model.encoder.fingerprint)
    store.make()
    known = newest_in(store)  # a file that is set back to what it was is encoded again, and the newest then
    report = IndexReport({})
    wanted = []
    for each in found:
        if isinstance(each, Unusable):
            report.outcomes[each.uri] = FileOutcome(each.uri, "failed", notes=[each.why])
            continue
        spans = cut(each)
        left = [span for span in spans if span.key not in known]
        report.outcomes[each.uri] = FileOutcome(each.uri, "waiting" if left else "kept")
        for span in spans:
            if span.key in known:
                _count(report, known[span.key])
                advance(samples(span.duration_s))
        wanted += left
    task = partial(index_piece, folder, str(model.directory), model.encoder.fingerprint)
    missing = Counter(span.recording.uri for span in wanted)
    alone: list[tuple[FileSpan, ...]] = []  # of pieces that ended their workers: one file of many is to blame
    for piece, result in chain(workers.run(task, pieces(wanted, workers.count)), workers.run(task, alone)):
        if isinstance(result, Exception) and not isinstance(result, KwsdError) and len(piece) > 1:
            alone += [(span,) for span in piece]
            continue
        advance(sum(samples(span.duration_s) for span in piece))
        if isinstance(result, Exception):
            for span in piece:
                _fail(report, span.recording.uri, f"{type(result).__name__}: {result}")
        elif result.store_error:
            report.store_error = result.store_error
            break
        else:
            report.take(result, missing)
    return report


def kept_in(store: Store) -> Iterator[Kept]:
    """All that is in a store; spans of a damaged piece are as if they were not there, and are encoded again."""
    for piece in store.pieces():
        with suppress(StoreError):
            yield from read_spans(piece).values()


def newest_in(store: Store) -> dict[tuple[str, int, int | None], Kept]:
    """Spans by their keys: each once, though two runs may have kept it, and of a changed file those it has now."""
    listed = list(kept_in(store))
    newest = newest_versions(listed)
    return {each.span.key: each for each in listed if each.span.recording.id == newest[each.span.recording.uri]}


def newest_versions(kept: Iterable[Kept]) -> dict[str, str]:
    """`ArchivedFile.id` by address: of what was indexed last."""
    by_age = sorted(kept, key=lambda each: each.made_s)
    return {each.span.recording.uri: each.span.recording.id for each in by_age}


def outcomes_in(store: Store, report: Path) -> list[FileOutcome]:
    """Of all files that have frames in a store, and of those that the last run could not use."""
    found = IndexReport({})
    for kept in newest_in(store).values():
        uri = kept.span.recording.uri
        found.outcomes.setdefault(uri, FileOutcome(uri, "kept"))
        _count(found, kept)
    for line in report.read_text(encoding="utf-8", errors="replace").splitlines() if report.exists() else ():
        with suppress(ValueError, TypeError):  # damaged, or another version's: it is a report, and no more
            outcome = FileOutcome(**parse_json(line))
            if outcome.recording not in found.outcomes or outcome.outcome == "failed":
                found.outcomes[outcome.recording] = outcome
    return [found.outcomes[uri] for uri in sorted(found.outcomes)]


def _count(report: IndexReport, kept: Kept) -> None:
    outcome = report.outcomes[kept.span.recording.uri]
    outcome.sound_s = round(outcome.sound_s + sound_of(kept), 2)
    outcome.notes += [note for note in kept.notes if note not in outcome.notes]


def _fail(report: IndexReport, uri: str, why: str) -> None:
    report.outcomes[uri].outcome = "failed"
    if why not in report.outcomes[uri].notes:
        report.outcomes[uri].notes.append(why)


@dataclass
class SearchReport:
    """Of a run."""

    rows: list[Row]
    versions: Mapping[str, str]
    """`ArchivedFile.id` by address: which version of a recording its hits are of."""
    sound_s: float = 0.0
    core_s: float = 0.0
    problems: list[str] = field(default_factory=list)
    """Pieces that could not be searched."""


def search(
    workers: Workers,
    folder: Path,
    model: Model,
    keywords: Sequence[Keyword],
    settings: SearchSettings,
    *,
    advance: Advance,
    only: set[str] | None = None,
) -> SearchReport:
    """Search all pieces that this search has not been through yet → every hit once, by recording and time.

    `only` tells of some recordings, and spares pieces that have none of them. Raises StoreError: it has nothing of this
    model, or cannot be written.
    """
    store = Store(folder, model.encoder.fingerprint)
    pieces_there = store.pieces()
    if only is None and not pieces_there:
        made = f"`kwsd-archive index SOURCE… --store {folder}` makes them"
        raise StoreError(f"{folder}: has no frames of this model, {model.directory}; {made}")
    place = store.folder / "searches" / name_of(search_told(keywords, settings), model)
    try:
        write_search(place, keywords, settings)
    except OSError as error:
        raise StoreError(f"{place}: cannot be written: {error.strerror or error}") from error
    report = SearchReport([], {})
    listed = searchable(pieces_there, only, report.problems)
    left = [piece for piece in listed if hits_in(place / f"{piece.stem}.jsonl") is None]
    task = partial(search_piece, str(model.directory), model.encoder.fingerprint, place)
    for piece, result in workers.run(task, left):
        advance(sum(samples(sound_of(kept)) for kept in listed[piece]))
        if isinstance(result, Exception):
            report.problems.append(str(result))
            continue
        report.sound_s += result.sound_s
        report.core_s += result.core_s
    report.versions = newest_versions(chain.from_iterable(listed.values()))
    report.rows = _merged([place / f"{piece.stem}.jsonl" for piece in listed], report.versions, only)
    return report


def searchable(pieces: Iterable[Path], only: set[str] | None, problems: list[str]) -> dict[Path, list[Kept]]:
    """What is in pieces, but for those that have none of `only` and those that cannot be read, which are problems."""
    found = {}
    for piece in pieces:
        try:
            kept = list(read_spans(piece).values())
        except StoreError as error:
            problems.append(str(error))
            continue
        if only is None or any(each.span.recording.uri in only for each in kept):
            found[piece] = kept
    return found


def hits_in(path: Path) -> list[Row] | None:
    """What a piece was found to have; None where it was not searched yet, or only half of that reached the disk."""
    try:
        return [parse_json(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return None


def _merged(paths: Iterable[Path], newest: Mapping[str, str], only: set[str] | None) -> list[Row]:
    """Hits of all pieces, each once, though two runs may have kept the same span; by recording and time.

    Of a file that was changed and indexed again those of its newest version.
    """
    rows: dict[tuple[str, float, str], Row] = {}
    for path in paths:
        for row in hits_in(path) or ():
            is_newest = row.pop(VERSION) == newest.get(row["recording"])
            if is_newest and (only is None or row["recording"] in only):
                rows[row["recording"], row["start"], row["keyword"]] = row
    return [rows[key] for key in sorted(rows)]
