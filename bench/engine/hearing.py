"""Either engine over prepared WAVs: several at a time, and never twice the same work."""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from bench.engine import tape
from bench.engine.peer import Peer
from bench.engine.product import Product
from measure import progress
from measure.paths import MODEL, ROOT, WORK
from measure.scoring import Hit
from measure.wav import BLOCK, blocks, duration_s, sample_count

Engine = Peer | Product


def hear_all(engine: Engine, wavs: Sequence[Path], jobs: int = 1) -> dict[Path, list[Hit]]:
    """Hits per WAV, `jobs` WAVs at a time, the longest first; kwsd's encoder is replayed where it can be."""
    paths = {wav: cached(engine, wav, replay=True) for wav in wavs}
    todo = sorted((wav for wav in wavs if not paths[wav].exists()), key=duration_s, reverse=True)
    with progress.hours_bar() as bar, ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        task = bar.add_task(engine.title, total=round(sum(map(duration_s, todo)) / 60))
        futures = {pool.submit(keep, engine, wav, paths[wav], replay=True): wav for wav in todo}
        for future in as_completed(futures):
            future.result()
            bar.advance(task, duration_s(futures[future]) / 60)
    return {wav: recall(path) for wav, path in paths.items()}


def hear(engine: Engine, wav: Path, block: int = BLOCK, *, replay: bool = False) -> list[Hit]:
    """Hits in one WAV, from the cache where engine, settings, weights and audio are all the same as before.

    With `replay` kwsd's encoder is not run again on audio that it has encoded before, see `bench.engine.tape`.
    """
    path = cached(engine, wav, block, replay=replay)
    if not path.exists():
        keep(engine, wav, path, block, replay=replay)
    return recall(path)


def keep(engine: Engine, wav: Path, path: Path, block: int = BLOCK, *, replay: bool = False) -> None:
    """Hears one WAV anew and writes the hits to `path`."""
    hits = listen(engine, wav, block, replay=replay)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps([asdict(hit) for hit in hits]))
    part.replace(path)


def recall(path: Path) -> list[Hit]:
    """Hits kept before."""
    return [Hit(**record) for record in json.loads(path.read_text())]


def listen(engine: Engine, wav: Path, block: int, *, replay: bool) -> list[Hit]:
    """Hits in one WAV, heard anew."""
    if replay and isinstance(engine, Product):
        return engine.search(tape.frames_of(engine.model, wav), sample_count(wav), block)
    return engine.hear(blocks(wav, block))


def cached(engine: Engine, wav: Path, block: int = BLOCK, *, replay: bool = False) -> Path:
    """Where the hits of this engine in this WAV are kept."""
    state = wav.stat()
    key = repr((engine, code_version(engine), weights(), wav.name, state.st_size, state.st_mtime_ns, block))
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    how = "-replay" if replay and isinstance(engine, Product) else ""
    return WORK / "hits" / f"{type(engine).__name__.lower()}-{wav.stem}-{digest}{how}.json"


@cache
def weights() -> str:
    """What tells one set of weights from another."""
    return hashlib.sha256((MODEL / "encoder.int8.fixed.onnx").read_bytes()).hexdigest()


def code_version(engine: Engine) -> str:
    """The peer's release, or a digest over all of kwsd's code: any change there is a new engine."""
    return version("sherpa-onnx") if isinstance(engine, Peer) else own_code()


@cache
def own_code() -> str:
    """Digest over the files of the kwsd package."""
    digest = hashlib.sha256()
    for path in sorted(path for path in (ROOT / "kwsd").rglob("*") if path.suffix in {".py", ".toml", ".txt"}):
        digest.update(path.read_bytes())
    return digest.hexdigest()
