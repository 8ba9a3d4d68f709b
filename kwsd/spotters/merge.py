"""Two models on one stream of sound, one event per word.

The rule:

1. Two detections are of the same word when their phrases are the same but for case and space, they are of different
   models, and their spans overlap or are less than 0.5 s apart.
2. A detection of a word that both models listen for waits up to 0.5 s of sound for the other model, and for as long
   as the fixed words are still deciding about that very word. When it comes, one event goes out: the open-vocabulary
   model's times, name and score, and the other's score beside them.
3. When it does not, the detection goes out alone, and a twin that comes later is dropped.
4. A word that only one model listens for does not wait.
"""

from collections.abc import Iterable
from dataclasses import replace

from kwsd.commands12.vocabulary import normal
from kwsd.events import Detection
from kwsd.timebase import SAMPLE_RATE, seconds

SAME_WORD_S = 0.5
WAIT_SAMPLES = SAMPLE_RATE // 2
REMEMBERED_SAMPLES = 5 * SAMPLE_RATE

FIRST_ENGINE = "zipformer"


class Merge:
    """Joins the detections of two models."""

    def __init__(self) -> None:
        self._shared: frozenset[str] = frozenset()
        self._waiting: list[tuple[int, Detection]] = []
        self._told: list[Detection] = []

    def share(self, phrases: Iterable[str]) -> None:
        """The phrases that both models listen for."""
        self._shared = frozenset(map(normal, phrases))

    def push(self, detections: Iterable[Detection], now_sample: int, candidate: str | None = None) -> list[Detection]:
        """What the models heard up to `now_sample` of the stream → what is to be told, in the order decided.

        `candidate` is the fixed word that is being decided about.
        """
        told = []
        for detection in detections:
            if normal(detection.phrase) not in self._shared:
                told.append(detection)
                continue
            twin = next((entry for entry in self._waiting if is_twin(entry[1], detection)), None)
            if twin is not None:
                self._waiting.remove(twin)
                told.append(merged(twin[1], detection))
            elif not any(is_twin(each, detection) or is_merged_twin(each, detection) for each in self._told):
                self._waiting.append((now_sample, detection))
        still = [
            (since, detection)
            for since, detection in self._waiting
            if now_sample - since < WAIT_SAMPLES
            or (detection.engine == FIRST_ENGINE and normal(detection.phrase) == candidate)
        ]
        told += [entry[1] for entry in self._waiting if entry not in still]
        self._waiting = still
        oldest_s = seconds(now_sample - REMEMBERED_SAMPLES)
        self._told = [event for event in (*self._told, *told) if event.end > oldest_s]
        return told

    def flush(self) -> list[Detection]:
        """Nothing more is to be waited for: what waits goes out alone."""
        told, self._waiting = [detection for _, detection in self._waiting], []
        self._told += told
        return told


def is_twin(one: Detection, other: Detection) -> bool:
    """Whether two models heard the same word at the same time."""
    return one.engine != other.engine and _same_word(one, other)


def is_merged_twin(told: Detection, other: Detection) -> bool:
    """Whether an event that already carries both scores is of this word at this time."""
    return told.second_engine == other.engine and _same_word(told, other)


def _same_word(one: Detection, other: Detection) -> bool:
    apart = max(one.start, other.start) - min(one.end, other.end)
    return normal(one.phrase) == normal(other.phrase) and apart < SAME_WORD_S


def merged(one: Detection, other: Detection) -> Detection:
    """One event with both scores; its clock is that of whoever was later."""
    first, second = (one, other) if one.engine == FIRST_ENGINE else (other, one)
    heard = max(first.stream_time, second.stream_time)
    return replace(
        first,
        second_engine=second.engine,
        second_score=second.score,
        stream_time=heard,
        latency_ms=round((heard - first.end) * 1000, 1),
    )
