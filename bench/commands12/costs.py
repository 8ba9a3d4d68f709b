"""What an engine of the fixed set costs, beside the open vocabulary: CPU per second of sound, bytes, memory, start."""

import os
import resource
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import kwsd
from bench.commands12.hearing import Feed, engines, feed, taking_samples
from bench.engine.processes import KWSD, as_installed, cpu_of, memory_mb
from kwsd.commands12.model import find_model
from kwsd.models.directory import MATRICES, find_encoder
from kwsd.spotters.fixed import FixedSpotter
from kwsd.timebase import SAMPLE_RATE
from measure.command_streams import Stream
from measure.commands import WORDS
from measure.paths import ROOT
from testkit.daemons import Manager, eventually

COST_S = 30.0
COST_PASSES = 6
STARTS = 5
GIVEN_UP_S = 60.0
OPEN_VOCABULARY = ROOT / "models" / "kwsd-en"


@dataclass(frozen=True)
class Cost:
    """Of one engine alone."""

    engine: str
    cpu_ms: float
    """Per second of sound, one thread."""
    model_bytes: int
    """Of the network that listens."""
    peak_mb: float
    """VmHWM of a daemon with nothing else, MiB, once it has heard a word."""
    ready_s: float
    """Processor seconds until that daemon says READY."""


def costs(words: Stream) -> list[Cost]:
    """The open vocabulary first, then each fixed engine."""
    sound = np.concatenate([read() for read in words.parts[:80]])[: int(COST_S * SAMPLE_RATE)]
    keywords = [kwsd.Keyword(word) for word in WORDS]
    phrases = kwsd.Spotter(kwsd.Model.load(OPEN_VOCABULARY), keywords)
    off = {"KWSD_FALLBACK_MODE": "off", "KWSD_MODEL": str(OPEN_VOCABULARY)}
    size = sum(path.stat().st_size for path in (find_encoder(OPEN_VOCABULARY), OPEN_VOCABULARY / MATRICES))
    found = [Cost("zipformer", per_second(phrases.accept, sound), size, *alone(off, sound))]
    for engine in engines():
        model = find_model(engine)
        only = {"KWSD_FALLBACK_MODE": "only", "KWSD_FALLBACK_ENGINE": engine}
        cpu_ms = per_second(taking_samples(FixedSpotter(model)), sound)
        found.append(Cost(engine, cpu_ms, model.path.stat().st_size, *alone(only, sound)))
    return found


def per_second(accept: Feed, sound: NDArray[np.float32]) -> float:
    """Milliseconds of CPU for a second of sound, once it runs."""
    feed(accept, sound[: 10 * SAMPLE_RATE])
    spent = min(spent_on(accept, sound) for _ in range(COST_PASSES))
    return 1000 * spent / (len(sound) / SAMPLE_RATE)


def alone(settings: Mapping[str, str], sound: NDArray[np.float32]) -> tuple[float, float]:
    """Peak memory and CPU seconds to READY of a daemon of its own: the largest and the least of several."""
    took = [started(settings, sound) for _ in range(STARTS + 1)][1:]  # the first writes byte code
    return max(peak for peak, _ in took), min(ready for _, ready in took)


def started(settings: Mapping[str, str], sound: NDArray[np.float32]) -> tuple[float, float]:
    """The same of one: it is ended when it has told the first word that it hears."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manager = Manager(folder)
        (folder / "ten.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
        process = subprocess.Popen(
            [str(KWSD), "--input", "-", "--keywords", str(folder / "ten.txt"), "--socket", str(folder / "s")],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | as_installed() | manager.environment() | dict(settings),
        )
        with process:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("kwsd has no pipes")
            try:
                if not eventually(lambda: manager.times("READY"), GIVEN_UP_S):
                    raise RuntimeError(f"kwsd with {dict(settings)} is not ready after {GIVEN_UP_S:g} s")
                ready_s = cpu_of(process.pid)
                process.stdin.write((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
                process.stdin.flush()
                process.stdout.readline()
                return memory_mb(process.pid, "VmHWM"), ready_s
            finally:
                process.kill()
                manager.close()


def spent_on(accept: Feed, sound: NDArray[np.float32]) -> float:
    """CPU seconds of one pass; the least of several is the one that other processes disturbed least."""
    began = cpu_seconds()
    feed(accept, sound)
    return cpu_seconds() - began


def cpu_seconds() -> float:
    """Of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
