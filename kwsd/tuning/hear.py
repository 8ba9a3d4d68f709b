"""Sound → kept frames → what would be heard of keywords in them at any threshold: one lenient search, then counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.events import Detection, NearMiss
from kwsd.keywords.keyword import Keyword
from kwsd.quick_dataclass import dataclass
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Float32, Frames
from kwsd.timebase import ENCODER_SHIFT_SAMPLES, SAMPLE_RATE
from kwsd.tuning.takes import Take

LENIENT = 0.2  # threshold of the search whose hits are counted at all thresholds above
AROUND_S = 0.8  # of the take's own noise, before and behind: a pause, as before and behind what is said alone
TAIL_HITS = 8  # of the highest false scores, whose fall-off tells how rare still higher ones are
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Heard:
    """A hit of the lenient search."""

    score: float
    start_s: float
    end_s: float


def with_pauses(sound: Float32, noise_db: float) -> Float32:
    """Sound (n,) with noise of that level before and behind it, as if it were said alone."""
    noise = np.random.default_rng(0).normal(0, 10 ** (noise_db / 20), 2 * round(AROUND_S * SAMPLE_RATE))
    before, behind = np.split(noise.astype(np.float32), 2)
    return np.concatenate([before, sound, behind])


def frames_of_take(model: Model, take: Take) -> tuple[Frames, ...]:
    """What the encoder makes of a take between two pauses."""
    stream = AcousticStream(model)
    chunk = Chunk(0, with_pauses(take.speech, take.noise_db), take.name)
    return (*stream.push(chunk), *stream.finish())


def listen(
    model: Model,
    keywords: Sequence[Keyword],
    frames: Iterable[Frames],
    settings: SearchSettings | None = None,
    done: Callable[[int], None] = lambda _samples: None,
) -> dict[str, list[Heard]]:
    """Every hit of each keyword (by label) in kept frames, at any threshold from LENIENT on.

    Keywords that explain the same sound do not take it from each other here: each is counted as if it were alone.
    `done` is told of samples that are searched.
    """
    spotter = PhraseSpotter(model, [replace(each, threshold=LENIENT, enabled=True) for each in keywords], settings)
    heard: dict[str, list[Heard]] = {keyword.label: [] for keyword in keywords}
    for each in frames:
        for event in spotter.search(each):
            overlaps = isinstance(event, NearMiss) and event.why is not None and event.why.rule == "overlaps_hit"
            if isinstance(event, Detection) or (isinstance(event, NearMiss) and overlaps):
                heard[event.keyword].append(Heard(event.score, event.start, event.end))
        done(each.count * ENCODER_SHIFT_SAMPLES)
    return heard


def best_score(
    model: Model,
    keyword: Keyword,
    take: Iterable[Frames],
    settings: SearchSettings,
    done: Callable[[int], None] = lambda _samples: None,
) -> float:
    """How sure a keyword would be of a recording; 0 where it is not heard at any threshold."""
    return max((hit.score for hit in listen(model, [keyword], take, settings, done)[keyword.label]), default=0.0)


def threshold_for(false_scores: Iterable[float], hours: float, per_hour: float, least: float) -> float:
    """The lowest threshold, `least` or above, at which no more than `per_hour` false hits are to be expected.

    Where that is less than what so few hours can show, the fall-off of the highest scores is carried on (the mean
    excess over the lowest of them, as for an exponential tail; Hill, 1975, has the same for its logarithm).
    """
    scores = sorted(false_scores, reverse=True)
    allowed = per_hour * hours
    if len(scores) <= int(allowed):
        return least
    lowest = max(least, scores[int(allowed)] + 0.005)
    tail = scores[: TAIL_HITS + 1]
    if allowed < 1 and len(tail) > 1:
        excess = sum(tail[:-1]) / (len(tail) - 1) - tail[-1]
        lowest = max(lowest, tail[-1] + max(excess, 0.005) * math.log((len(tail) - 1) / allowed))
    return round(min(lowest, 0.99), 3)


def most_per_hour(count: float, hours: float, sure: float = 0.95) -> float:
    """The upper bound of the rate behind `count` events in so many hours, if they come by chance (Poisson)."""
    return _mean_where(lambda mean: _chance_of_at_most(int(count), mean) > 1 - sure) / hours


def least_per_hour(count: float, hours: float, sure: float = 0.95) -> float:
    """The lower bound of that rate."""
    return _mean_where(lambda mean: _chance_of_at_most(int(count) - 1, mean) > sure) / hours if count else 0.0


def _mean_where(holds: Callable[[float], bool]) -> float:
    """The largest mean at which it holds; below it does, above it does not."""
    low, high = 0.0, 1.0
    while holds(high):
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _chance_of_at_most(count: int, mean: float) -> float:
    """Of so many events where so many are to be expected; in logarithms, for thousands of them are no number."""
    logs = [number * math.log(mean) - mean - math.lgamma(number + 1) for number in range(count + 1)]
    return math.fsum(map(math.exp, logs))
