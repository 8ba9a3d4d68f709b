"""The pool that decodes clients' sound: what a stream is told comes in the order of its sound."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kwsd import Keyword, Model
from kwsd.bridges.wyoming.decode import DecodePool, Stream, hear
from kwsd.events import Detection
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Frames
from testkit.tiny_model import speak


def test_what_was_heard_is_told_before_the_end_whoever_decodes_it(tiny_model_dir: Path) -> None:
    """Whoever is told of a hit takes long; meanwhile another thread hears the end, and waits with telling it.

    A busy machine made clients hear `not-detected` and lost them the hit.
    """
    model, settings = Model.load(tiny_model_dir), SearchSettings()
    compiled = PhraseSpotter(model, [Keyword("LIGHT ON")], settings).compiled
    told: list[str] = []
    over = threading.Event()

    def tell(stream: Stream, detections: Sequence[Detection]) -> None:
        if detections:
            time.sleep(0.2)
        told.extend(detection.keyword for detection in detections)
        if stream.ended:
            told.append("end")
            over.set()

    pool = DecodePool(model, settings, threads=2)
    stream = pool.open(compiled, tell)
    pool.push(stream, np.concatenate([speak("LIGHT ON", lead_s=0.3), np.zeros(24_000, np.float32)]))
    pool.finish(stream)
    assert over.wait(10)
    time.sleep(0.3)
    assert told == ["LIGHT ON", "end"]


class WatchedStream(Stream):
    """Notes in `steps` that it is searched; the one that is called so stumbles."""

    name: str
    steps: list[str]

    def search(self, frames: Sequence[Frames]) -> list[Detection]:
        self.steps.append(f"search {self.name}")
        if self.name == "broken":
            raise ZeroDivisionError
        return super().search(frames)


def test_each_is_told_before_the_next_is_searched_and_a_mistake_costs_one(tiny_model_dir: Path) -> None:
    """Eight clients in phase waited for the search of the last of them."""
    model, settings = Model.load(tiny_model_dir), SearchSettings()
    compiled = PhraseSpotter(model, [Keyword("LIGHT ON")], settings).compiled
    steps: list[str] = []
    taken: list[tuple[Stream, list[Chunk], bool]] = []
    for name in ("first", "broken", "last"):
        stream = WatchedStream(model, settings, compiled, lambda *_: None)
        stream.name, stream.steps = name, steps
        taken.append((stream, [Chunk(0, speak("LIGHT ON", lead_s=0.3, tail_s=1.0), "")], False))
    for heard, _, detections in hear(taken):
        assert isinstance(heard, WatchedStream)
        steps.append(f"told {heard.name} of {len(detections)}")
    assert steps == [
        *("search first", "told first of 1"),
        *("search broken", "told broken of 0"),
        *("search last", "told last of 1"),
    ]
    assert [stream.failed for stream, _, _ in taken] == [False, True, False]
