"""Two engines on one stream of sound, one event per word.

The rule:

1. Two detections are of the same word when their phrases are the same but for case and space, they are of different
   engines, and their spans overlap or are less than 0.5 s apart.
2. A detection of a word that both engines listen for waits up to 0.5 s of sound for the other engine. When it comes,
   one event goes out: the open-vocabulary engine's times, name and score, and the other's score beside them.
3. When it does not, the detection goes out alone, and a twin that comes later is dropped.
4. A word that only one engine listens for does not wait.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kwsd.commands12.vocabulary import normal
from kwsd.events import Detection

SAME_WORD_S = 0.5
WAIT_S = 0.5
REMEMBERED_S = 5.0

FIRST_ENGINE = "zipformer"


class Arbiter:
    """Joins the detections of two engines; all times are seconds of the stream."""

    def __init__(self) -> None:
        self._shared: frozenset[str] = frozenset()
        self._waiting: list[tuple[float, Detection]] = []
        self._told: list[Detection] = []

    def share(self, phrases: Iterable[str]) -> None:
        """The phrases that both engines listen for."""
        self._shared = frozenset(map(normal, phrases))

    def take(self, detections: Iterable[Detection], now_s: float) -> list[Detection]:
        """What the engines heard up to `now_s` → what is to be told, in the order decided."""
        told = [event for detection in detections for event in self._take(detection, now_s)]
        told += self._overdue(now_s)
        self._told = [event for event in (*self._told, *told) if event.end > now_s - REMEMBERED_S]
        return told

    def flush(self) -> list[Detection]:
        """Nothing more is to be waited for: what waits goes out alone."""
        told, self._waiting = [detection for _, detection in self._waiting], []
        self._told += told
        return told

    def _take(self, detection: Detection, now_s: float) -> Iterator[Detection]:
        if normal(detection.phrase) not in self._shared:
            yield detection
            return
        for entry in self._waiting:
            if is_twin(entry[1], detection):
                self._waiting.remove(entry)
                yield merged(entry[1], detection)
                return
        if not any(is_twin(told, detection) or is_merged_twin(told, detection) for told in self._told):
            self._waiting.append((now_s, detection))

    def _overdue(self, now_s: float) -> list[Detection]:
        overdue = [detection for since_s, detection in self._waiting if now_s - since_s >= WAIT_S]
        self._waiting = [entry for entry in self._waiting if now_s - entry[0] < WAIT_S]
        return overdue


def is_twin(one: Detection, other: Detection) -> bool:
    """Whether two engines heard the same word at the same time."""
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
