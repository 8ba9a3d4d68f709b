"""What workers do: look at files, encode a piece, search a piece. Called by Dask with what can be pickled."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from kwsd import __version__
from kwsd.acoustic.model import Model
from kwsd.archive.encode import encode_spans
from kwsd.archive.recordings import Unusable, look, noted, open_span
from kwsd.archive.search import search_spans
from kwsd.archive.spans import ArchivedFile, FileSpan
from kwsd.archive.store import PART, Kept, Store, StoreError, read_frames, read_spans
from kwsd.errors import ConfigError, ModelError
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.search.settings import SearchSettings
from kwsd.small_files import parse_json, read_small, written_whole
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.timebase import SAMPLE_RATE

VERSION = "version"
"""In a kept hit, beside its fields: `ArchivedFile.id` of the recording."""
LARGEST_NAMED = 10_000_000  # bytes of a model's file: encoders are named by the store, and a model may hold others


@dataclass(frozen=True, slots=True)
class Indexed:
    """What came of a piece."""

    kept: tuple[Kept, ...]
    failed: tuple[Unusable, ...]
    core_s: float
    """Processor time."""
    store_error: str | None = None
    """Nothing could be written; another run takes the piece up again."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What came of a piece."""

    hits: int
    sound_s: float
    core_s: float


def look_at(uris: Sequence[str]) -> list[ArchivedFile | Unusable]:
    """What the headers of files tell."""
    with noted():
        return [look(uri) for uri in uris]


def index_piece(folder: Path, model_name: str, fingerprint: str, spans: Sequence[FileSpan]) -> Indexed:
    """Encode spans and keep their frames. Raises ModelError: this worker's model is another."""
    began_s = time.process_time()
    model = _model(model_name, fingerprint)
    with noted() as notes:
        try:
            kept, failed = Store(folder, fingerprint).write(spans, encode_spans(model, spans, open_span), notes.about)
        except StoreError as error:
            return Indexed((), (), time.process_time() - began_s, str(error))
    unusable = tuple(Unusable.by(each.error, spans[each.span].recording.uri) for each in failed if each.error)
    return Indexed(tuple(kept), unusable, time.process_time() - began_s)


def search_piece(model_name: str, fingerprint: str, search: Path, piece: Path) -> Searched:
    """Search a piece with the keywords of a search, and keep the hits beside them. Raises StoreError, ModelError."""
    began_s = time.process_time()
    model = _model(model_name, fingerprint)
    compiled, settings = _keywords(model_name, fingerprint, search)
    kept = read_spans(piece)
    places = {place: number for number, place in enumerate(kept)}
    spans = [each.span for each in kept.values()]
    frames = ((made.span, made) for made in read_frames(piece, kept))
    renumbered = (type(made)(places[span], made.frames) for span, made in frames)
    lines = [
        json.dumps({"recording": spans[span].recording.uri, VERSION: spans[span].recording.id, **found.to_dict()})
        for span, found in search_spans(model, compiled, settings, spans, renumbered)
    ]
    path = search / f"{piece.stem}.jsonl"
    part = path.with_suffix(f".{uuid4().hex}{PART}")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
            file.flush()
            os.fsync(file.fileno())  # a power cut may leave an empty file else, which says that nothing was found
        part.replace(path)
    except OSError as error:
        raise StoreError(f"{part}: cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return Searched(len(lines), sum(map(sound_of, kept.values())), time.process_time() - began_s)


def sound_of(kept: Kept) -> float:
    """Seconds of its span that were heard."""
    end = kept.heard_samples if kept.span.end_sample is None else min(kept.heard_samples, kept.span.end_sample)
    return max(0, end - kept.span.start_sample) / SAMPLE_RATE


def search_told(keywords: Sequence[Keyword], settings: SearchSettings) -> dict[str, Any]:
    """What is looked for, as JSON-ready values; of settings those that were given. Raises ConfigError."""
    behind = {}
    for file in sorted({each.then for each in keywords} - {""}):
        try:
            behind[file] = read_small(Path(file)).decode(errors="surrogateescape")
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    return {"keywords": [asdict(each) for each in keywords], "settings": settings.chosen(), "behind": behind}


def name_of(told: dict[str, Any], model: Model) -> str:
    """Names a search by all that its hits hang on: what is looked for, by which kwsd, with which files of the model."""
    files = sorted(path for path in model.directory.iterdir() if path.is_file() and path.stat().st_size < LARGEST_NAMED)
    digest = sha256(json.dumps([told, __version__], sort_keys=True).encode())
    for path in files:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def write_search(folder: Path, keywords: Sequence[Keyword], settings: SearchSettings) -> None:
    """What `search_piece` reads: the same for all workers, whatever files they see."""
    told = search_told(keywords, settings)
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / "keywords.json") as part:  # workers of another search of this list may be reading it
        part.write_text(json.dumps(told), encoding="utf-8")


@lru_cache(maxsize=1)
def _model(name: str, fingerprint: str) -> Model:
    model = Model.load(name, same_everywhere=True)
    if model.encoder.fingerprint != fingerprint:
        raise ModelError(f"model {name} of a worker is another than here; install the same kwsd and model on all")
    return model


@lru_cache(maxsize=1)
def _keywords(model_name: str, fingerprint: str, search: Path) -> tuple[CompiledKeywords, SearchSettings]:
    told = parse_json((search / "keywords.json").read_text(encoding="utf-8"))
    settings = SearchSettings(**told["settings"])
    with TemporaryDirectory(prefix="kwsd-archive-") as folder:
        lists = {"": ""}
        for number, (file, text) in enumerate(told["behind"].items()):
            lists[file] = str(Path(folder, f"{number}{Path(file).suffix}"))
            Path(lists[file]).write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
        own = ({"spellings": tuple(each["spellings"]), "then": lists[each["then"]]} for each in told["keywords"])
        keywords = [Keyword(**each | found) for each, found in zip(told["keywords"], own, strict=True)]
        return PhraseSpotter(_model(model_name, fingerprint), keywords, settings).compiled, settings
