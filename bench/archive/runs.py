"""Whole runs of `kwsd-archive index`: what two workers make of it, and what a worker holds."""

import re
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import soundfile

from bench.archive.material import MODEL
from measure.wav import RATE
from testkit.archives import command, store_flag

LOOK_EVERY_S = 0.25
CORE_S = re.compile(r"([\d.]+) core-seconds")


@dataclass(frozen=True, slots=True)
class Run:
    """One of them."""

    workers: int
    wall_s: float
    core_s: float
    """Of the work itself, as it tells."""
    peak_mb: float
    """Of the largest process that is none of Dask's own."""


def index(sources: Sequence[Path], store: Path, workers: int, model: Path = MODEL) -> Run:
    """Raises RuntimeError: it failed."""
    return watched(command("index", *sources, store_flag(store), "--workers", str(workers), model=model), workers)


def watched(words: Sequence[str], workers: int) -> Run:
    """A command of kwsd-archive, and the memory of its processes. Raises RuntimeError: it failed."""
    began_s, peak_bytes = time.monotonic(), 0
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            for each in psutil.Process(process.pid).children(recursive=True):
                with suppress(psutil.Error):  # it may just have ended
                    peak_bytes = max(peak_bytes, each.memory_info().rss)
            time.sleep(LOOK_EVERY_S)
        told = process.stderr.read() if process.stderr else ""
    cost = CORE_S.search(told)
    if process.returncode or cost is None:
        raise RuntimeError(f"{words[-1]}: kwsd-archive ended with {process.returncode}: {told[-2000:]}")
    return Run(workers, time.monotonic() - began_s, float(cost.group(1)), peak_bytes / 1e6)


def kill_index(sources: Sequence[Path], store: Path, workers: int, model: Path, enough: Callable[[], bool]) -> None:
    """Begin one and end it at once, workers and all, when there is enough of it."""
    words = command("index", *sources, store_flag(store), "--workers", str(workers), model=model)
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            if enough():
                for each in (*psutil.Process(process.pid).children(recursive=True), process):
                    with suppress(psutil.Error):
                        each.kill()
            time.sleep(LOOK_EVERY_S)


def alternate(sources: Sequence[Path], folder: Path, times: int) -> list[Run]:
    """One worker and two, by turns, so that what else the machine does meets both."""
    return [index(sources, folder / f"{turn}-{workers}", workers) for turn in range(times) for workers in (1, 2)]


def long_file(path: Path, source: Path, hours: float) -> Path:
    """A WAV of that length: a recording again and again."""
    sound, _ = soundfile.read(source, dtype="int16")
    missing = round(hours * 3600 * RATE)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="RF64") as file:
        while missing:
            part = np.asarray(sound)[:missing]
            file.write(part)
            missing -= len(part)
    return path


def search(store: Path, workers: int, model: Path, keywords: Path, out: Path) -> Run:
    """Raises RuntimeError: it failed."""
    words = ("search", store_flag(store), "--keywords", keywords, "--out", out, "--workers", str(workers))
    return watched(command(*words, model=model), workers)
