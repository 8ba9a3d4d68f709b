"""Where the milliseconds of a chunk go, and what its multiply-adds would take at this core's best rate."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np

import kwsd
from bench.engine.optimised import optimised_model
from bench.engine.report import Section
from kwsd.acoustic.stream import AcousticStream, encode
from kwsd.stream import Chunk
from measure import streams
from measure.paths import ROOT, SHARED
from measure.wav import RATE, Samples, blocks

Result = TypeVar("Result")

ROUNDS = 9
SECONDS = 60
KEYWORDS = SHARED / "keywords" / "commands_small.txt"
MULTIPLY_ADDS = {"kwsd-en": 16.5e6, "upstream": 68.7e6}
"""Of a chunk in the encoder, counted in its matrices and convolutions."""


def measure(jobs: int) -> Section:
    """Both models on running speech, cut into chunks of 0.1 s."""
    del jobs
    sound = next(blocks(streams.speech(0.05), SECONDS * RATE))
    models = {"kwsd-en": ROOT / "models" / "kwsd-en", "upstream": optimised_model()}
    times = {name: [stages(of, sound) for _ in range(ROUNDS)] for name, of in loaded(models).items()}
    rate = multiply_adds_per_s()
    rows, figures = [], {}
    for name, rounds in times.items():
        parts = {part: median(each[part] for each in rounds) for part in rounds[0]}
        floor = 1000 * MULTIPLY_ADDS[name] / rate
        figures[name] = parts | {"floor": floor}
        rows.append([name, *(f"{parts[part]:.2f}" for part in ("fbank", "encoder", "search")), f"{floor:.2f}"])
    return Section(
        "stages",
        "Where the milliseconds of a chunk go",
        ("model", "features", "encoder", "joiner, beam, rules", "the encoder's multiply-adds alone"),
        rows,
        [
            f"thread time, ms a chunk of 320 ms, median of {ROUNDS} passes over {SECONDS} s of speech; 20 keywords",
            f"multiply-adds at {rate / 1e9:.0f} G/s, the rate of products of 256 x 256 matrices in the same run",
        ],
        figures=figures,
    )


def loaded(directories: Mapping[str, Path]) -> dict[str, tuple[kwsd.Model, list[kwsd.Keyword]]]:
    """Models with the keywords to listen for."""
    models = {name: kwsd.Model.load(directory) for name, directory in directories.items()}
    return {name: (model, kwsd.load_keywords(KEYWORDS, model)) for name, model in models.items()}


def stages(model: tuple[kwsd.Model, list[kwsd.Keyword]], sound: Samples) -> dict[str, float]:
    """Milliseconds a chunk of every part, with the features that the program takes."""
    stream, spotter = AcousticStream(model[0], numpy_features=True), kwsd.Spotter(*model)
    spent: dict[str, float] = defaultdict(float)
    chunks = 0
    for start in range(0, len(sound), RATE // 10):
        chunk = Chunk(start, sound[start : start + RATE // 10], "")
        timed(spent, "fbank", partial(stream.take, chunk))
        (frames,) = timed(spent, "encoder", partial(encode, [stream]))
        for each in frames:
            timed(spent, "search", partial(list, spotter.search(each)))
        chunks += len(frames)
    return {part: 1000 * seconds / chunks for part, seconds in spent.items()}


def timed(spent: dict[str, float], part: str, work: Callable[[], Result]) -> Result:
    """Do it, and add the thread time that it took."""
    started = time.thread_time()
    result = work()
    spent[part] += time.thread_time() - started
    return result


def multiply_adds_per_s() -> float:
    """The best of many products."""
    matrix = np.ones((256, 256), np.float32)
    spent: dict[str, float] = {}
    for number in range(50):
        spent[str(number)] = 0.0
        timed(spent, str(number), lambda: matrix @ matrix)
    return float(256**3 / min(spent.values()))
