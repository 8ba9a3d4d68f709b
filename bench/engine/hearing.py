"""Either engine over prepared WAVs: several at a time, and never twice the same work."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from bench.engine import tape
from bench.engine.peer import Peer
from bench.engine.product import Product
from measure import progress
from measure.kept import code_digest, keep, recall
from measure.paths import MODEL, WORK
from measure.scoring import Hit
from measure.wav import BLOCK, blocks, duration_s, sample_count

Engine = Peer | Product


def hear_all(engine: Engine, wavs: Sequence[Path], jobs: int = 1) -> dict[Path, list[Hit]]:
    """Hits per WAV, `jobs` WAVs at a time, the longest first; kwsd's encoder is replayed where it can be."""
    paths = {wav: cached(engine, wav, replay=True) for wav in wavs}
    todo = sorted((wav for wav in wavs if not paths[wav].exists()), key=duration_s, reverse=True)
    with progress.hours_bar() as bar, ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        task = bar.add_task(engine.title, total=round(sum(map(duration_s, todo)) / 60))
        futures = {pool.submit(listen, engine, wav, paths[wav], replay=True): wav for wav in todo}
        for future in as_completed(futures):
            future.result()
            bar.advance(task, duration_s(futures[future]) / 60)
    return {wav: recall(path, Hit) for wav, path in paths.items()}


def hear(engine: Engine, wav: Path, block: int = BLOCK, *, replay: bool = False) -> list[Hit]:
    """Hits in one WAV, from the cache where engine, settings, weights and audio are all the same as before.

    With `replay` kwsd's encoder is not run again on audio that it has encoded before, see `bench.engine.tape`.
    """
    path = cached(engine, wav, block, replay=replay)
    if not path.exists():
        listen(engine, wav, path, block, replay=replay)
    return recall(path, Hit)


def listen(engine: Engine, wav: Path, path: Path, block: int = BLOCK, *, replay: bool = False) -> None:
    """Hears one WAV anew, and keeps the hits at `path`."""
    if replay and isinstance(engine, Product):
        hits = engine.search(tape.frames_of(engine.model, wav), sample_count(wav), block)
    else:
        hits = engine.hear(blocks(wav, block))
    keep(path, hits)


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
    return version("sherpa-onnx") if isinstance(engine, Peer) else code_digest()
