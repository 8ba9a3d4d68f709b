"""What an engine of the fixed set costs beside the open vocabulary: CPU per second of sound, and memory."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import psutil
from numpy.typing import NDArray

import kwsd
from bench.commands12.hearing import Feed, engines, feed, taking_samples
from kwsd.commands12.model import find_model
from kwsd.limits import EngineName
from kwsd.spotters.fixed import FixedSpotter
from kwsd.timebase import SAMPLE_RATE
from measure.command_streams import Stream
from measure.commands import WORDS
from measure.paths import MODEL

COST_S = 30.0
COST_PASSES = 6


@dataclass(frozen=True)
class Cost:
    """Of one engine alone."""

    engine: str
    cpu_ms: float
    """Per second of sound, one thread."""
    memory_mb: float
    """Resident memory that making it and running it added."""


def costs(words: Stream) -> list[Cost]:
    """CPU and memory: the open vocabulary first, then what each fixed engine adds to it."""
    sound = np.concatenate([read() for read in words.parts[:80]])[: int(COST_S * SAMPLE_RATE)]
    alive: list[kwsd.Spotter] = []  # it stays while the others are measured, as it does beside them

    def open_vocabulary() -> Feed:
        alive.append(kwsd.Spotter(kwsd.Model.load(MODEL), [kwsd.Keyword(word.upper()) for word in WORDS]))
        return alive[0].accept

    found = [cost("zipformer", open_vocabulary, sound)] if MODEL.is_dir() else []
    return found + [cost(name, partial(fixed_set, name), sound) for name in engines()]


def fixed_set(engine: EngineName) -> Feed:
    """A fresh engine of the fixed set."""
    return taking_samples(FixedSpotter(find_model(engine)))


def cost(name: str, make: Callable[[], Feed], sound: NDArray[np.float32]) -> Cost:
    """Make an engine, run it, and see what that took."""
    before = psutil.Process().memory_info().rss
    accept = make()
    feed(accept, sound[: 10 * SAMPLE_RATE])
    grown = psutil.Process().memory_info().rss - before
    spent = min(spent_on(accept, sound) for _ in range(COST_PASSES))
    return Cost(name, 1000 * spent / (len(sound) / SAMPLE_RATE), grown / 1e6)


def spent_on(accept: Feed, sound: NDArray[np.float32]) -> float:
    """CPU seconds of one pass; the least of several is the one that other processes disturbed least."""
    began = cpu_seconds()
    feed(accept, sound)
    return cpu_seconds() - began


def cpu_seconds() -> float:
    """Of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
