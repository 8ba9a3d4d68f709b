"""A chunk in the encoder: the compact graph beside the export it was written from, and many streams in one call."""

import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from statistics import median

from bench.engine.optimised import optimised_model
from bench.engine.report import Section
from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.fbank import Fbank
from kwsd.models.directory import find_encoder
from kwsd.stream import Float32
from measure import streams
from measure.paths import MODEL, ROOT
from measure.wav import blocks

CHUNKS = 128
ROUNDS = 11
MANY = 16
OURS = ROOT / "models" / "kwsd-en"


def measure(jobs: int) -> Section:
    """Encoders alone, in alternation."""
    del jobs
    pairs = {
        "kwsd-en": (OURS / "encoder.int8.onnx", OURS / "encoder.compact.onnx"),
        "upstream": (MODEL / "encoder.int8.fixed.onnx", find_encoder(optimised_model())),
    }
    rows, figures = [], {}
    for name, (export, compact) in pairs.items():
        times = alternated(runs(export, compact))
        figures[name] = {kind: median(of) for kind, of in times.items()}
        figures[name]["compact_ratio"] = ratio(times["compact"], times["export"])
        figures[name]["streams_ratio"] = ratio(times["streams"], times["compact"])
        cells = (f"{median(times[kind]):.2f} ({min(times[kind]):.2f})" for kind in ("export", "compact", "streams"))
        rows.append([name, *cells, *(f"**{figures[name][f'{kind}_ratio']:.2f}×**" for kind in ("compact", "streams"))])
    return Section(
        "streams",
        "The encoder alone, and many streams in one call",
        (
            "model",
            "int8 export, ms a chunk of 320 ms, median (least)",
            "compact graph, one stream",
            f"compact graph, {MANY} streams, each",
            "compact over export",
            f"each of {MANY} over one alone",
        ),
        rows,
        [f"CPU time of {CHUNKS} chunks of speech, {ROUNDS} rounds in alternation, one thread; ratios are medians"],
        figures=figures,
    )


def runs(export: Path, compact: Path) -> Mapping[str, Callable[[], float]]:
    """What is compared: each gives milliseconds a chunk and stream."""
    old, new = Encoder(export), Encoder(compact)
    segments = speech_segments(new)
    return {
        "export": lambda: chunk_ms(old, segments, 1),
        "compact": lambda: chunk_ms(new, segments, 1),
        "streams": lambda: chunk_ms(new, segments[: CHUNKS // 4], MANY),
    }


def speech_segments(encoder: Encoder) -> list[Float32]:
    """Features of running speech."""
    features = Fbank(encoder.segment_frames, encoder.shift_frames)
    audio = blocks(streams.speech(0.05), 16 * encoder.shift_frames)
    return list(islice((segment for block in audio for segment in features.accept(block)), CHUNKS))


def alternated(measured: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Every measurement once a round."""
    rounds = [{name: run() for name, run in measured.items()} for _ in range(ROUNDS)]
    return {name: [each[name] for each in rounds] for name in measured}


def chunk_ms(encoder: Encoder, segments: list[Float32], count: int) -> float:
    """CPU milliseconds a chunk and stream, `count` streams in one call."""
    states = [encoder.initial_state() for _ in range(count)]
    started = time.process_time()
    for segment in segments:
        states = [state for _, state in encoder.run([segment] * count, states)]
    return (time.process_time() - started) * 1000 / len(segments) / count


def ratio(one: list[float], other: list[float]) -> float:
    """Median over the rounds."""
    return median(first / second for first, second in zip(one, other, strict=True))
