"""Both engines on one stream: alongside, takeover and hand-back."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kwsd.acoustic.model import Model
from kwsd.audio.source import Samples
from kwsd.commands12.model import find_model
from kwsd.commands12.settings import FallbackSettings
from kwsd.commands12.stream import CommandSpotter
from kwsd.errors import ModelError
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.model_retry import Revival
from kwsd.spotters.paired import Listener
from kwsd.spotters.phrases import Spotter
from kwsd.spotters.realtime import LONGEST_PAUSE_S, PAUSE_S, WATCHED_S, Pace, Turn
from kwsd.spotters.seat import without_graph
from kwsd.timebase import SAMPLE_RATE
from testkit.spoken import spoken, with_gaps
from testkit.tiny_model import speak

BLOCK = 5120


class Clock:
    """Seconds that pass only when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Script:
    """An open-vocabulary engine that hears what it was told to, and takes as long as it was told to."""

    def __init__(self, clock: Clock, hits: Sequence[Detection] = ()) -> None:
        self.clock, self.hits, self.load = clock, list(hits), 0.1
        self.bad_chunks = 0
        self.position = 0
        self.skipped: list[int] = []
        self.keywords: tuple[Keyword, ...] = ()

    def accept(self, samples: Samples) -> list[Detection]:
        self.position += len(samples)
        self.clock.now_s += self.load * len(samples) / SAMPLE_RATE
        now_s = self.position / SAMPLE_RATE
        due = [hit for hit in self.hits if hit.stream_time <= now_s]
        self.hits = [hit for hit in self.hits if hit.stream_time > now_s]
        return due

    def finish(self) -> list[Detection]:
        return []

    def skip(self, lost_samples: int) -> list[Detection]:
        self.position += lost_samples
        self.skipped.append(lost_samples)
        return []

    def reset(self) -> None:
        self.position = 0

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
        return without_graph(keywords)

    def set_keywords(self, keywords: CompiledKeywords) -> None:
        self.keywords = keywords.keywords


def commands(words: tuple[str, ...] = ()) -> CommandSpotter:
    model = find_model("ds-cnn")
    return CommandSpotter(model, FallbackSettings(thresholds=dict.fromkeys(model.words, 0.35), words=words))


def hear(listener: Listener, sound: np.ndarray) -> list[Detection]:
    pieces = (sound[start : start + BLOCK] for start in range(0, len(sound), BLOCK))
    return [hit for piece in pieces for hit in listener.accept(piece)] + listener.finish()


def open_hit(phrase: str, start: float, end: float) -> Detection:
    return Detection(
        keyword=phrase,
        phrase=phrase,
        start=start,
        end=end,
        score=0.9,
        min_score=0.8,
        threshold=0.3,
        tokens=(phrase,),
        timestamps=(start,),
        stream_time=end + 0.4,
        latency_ms=400.0,
    )


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * SAMPLE_RATE), np.float32)


def test_alongside_joins_what_both_hear_and_passes_what_one_hears() -> None:
    """1. Both hear "yes": one event, both scores. 2. Only the fixed set hears "off". 3. Only the other a phrase."""
    sound = with_gaps("yes", "off")
    hits = [open_hit("YES", 1.0, 1.4), open_hit("LIGHTS ON", 2.5, 2.9)]
    keywords = [Keyword("YES"), Keyword("LIGHTS ON")]
    told = hear(Listener(commands(words=("yes", "off")), Script(Clock(), hits), keywords, alongside=True), sound)
    assert sorted((hit.phrase, hit.engine, hit.second_engine) for hit in told) == [
        ("LIGHTS ON", "zipformer", None),
        ("YES", "zipformer", "ds-cnn"),
        ("off", "ds-cnn", None),
    ]


def test_a_fast_engine_is_left_alone_and_the_fixed_set_rests() -> None:
    listener = Listener(commands(), Script(Clock()), [Keyword("yes")])
    told: list[bool] = []
    listener.on_degraded = lambda active, _: told.append(active)
    assert hear(listener, with_gaps("yes", "off")) == []
    assert told == []


def test_a_slow_engine_is_stood_in_for_and_gets_the_stream_back() -> None:
    """1. Slower than the sound: after 3 s the fixed set takes over, and says so. 2. It hears the words.

    3. After half a minute the engine is tried again; it keeps up now, and gets the stream back with a gap.
    """
    clock = Clock()
    engine = Script(clock)
    engine.load = 1.5
    listener = Listener(commands(), engine, [Keyword("yes"), Keyword("off")], clock=clock)
    told: list[tuple[bool, str]] = []
    listener.on_degraded = lambda active, reason: told.append((active, reason))
    hear(listener, quiet(WATCHED_S + 0.5))
    assert [active for active, _ in told] == [True]
    assert "slower than the sound" in told[0][1]
    heard = hear(listener, np.concatenate((quiet(1.0), with_gaps("yes", "off"))))
    assert [(hit.keyword, hit.engine) for hit in heard] == [("yes", "ds-cnn"), ("off", "ds-cnn")]
    engine.load = 0.2
    hear(listener, quiet(PAUSE_S + WATCHED_S + 1.0))
    assert [active for active, _ in told] == [True, False]
    assert len(engine.skipped) == 1
    assert engine.position == listener.position_samples
    assert hear(listener, with_gaps("yes", "off")) == []


def test_an_engine_that_stays_slow_is_tried_less_and_less() -> None:
    pace = Pace()
    assert pace.worked(WATCHED_S, 2 * WATCHED_S) is Turn.TAKE_OVER
    pauses = []
    for _ in range(7):
        waited = 0.0
        while pace.paused:
            pace.rested(1.0)
            waited += 1.0
        pauses.append(waited)
        assert pace.on_trial
        assert pace.worked(WATCHED_S, 2 * WATCHED_S) is Turn.STAY
    assert pauses[:3] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_single_slow_moment_changes_nothing() -> None:
    pace = Pace()
    assert pace.worked(0.3, 2.0) is Turn.STAY
    assert pace.worked(3.0, 0.3) is Turn.STAY
    assert not pace.paused


def test_an_engine_that_cannot_be_loaded_is_stood_in_for_until_it_can(tiny_model_dir: Path) -> None:
    """1. Without the model the fixed set hears, and says so. 2. The model comes: it hears its phrases again."""
    models: list[Model] = []
    keywords = [Keyword("MAKE IT WARMER")]

    def load(_: Sequence[Keyword]) -> Spotter:
        if not models:
            raise ModelError("still missing")
        return Spotter(models[0], keywords)

    listener = Listener(commands(), None, [Keyword("lamp")], revival=Revival(load, retry_s=1.0))
    told: list[bool] = []
    loaded: list[object] = []
    listener.on_degraded = lambda active, _: told.append(active)
    listener.on_loaded = loaded.append
    assert [hit.keyword for hit in hear(listener, with_gaps("yes", "off"))] == ["yes", "off"]
    assert told == [True]
    models.append(Model.load(tiny_model_dir))
    deadline = time.monotonic() + 20
    while told == [True] and time.monotonic() < deadline:
        listener.accept(quiet(0.5))
        time.sleep(0.01)
    assert told == [True, False]
    assert loaded == [listener.spotter]
    began = listener.position_samples / SAMPLE_RATE
    (hit,) = hear(listener, np.concatenate((quiet(1.0), speak("MAKE IT WARMER"), quiet(1.0))))
    assert (hit.phrase, hit.engine) == ("MAKE IT WARMER", "zipformer")
    assert hit.start == pytest.approx(began + 1.0, abs=0.3)


def test_a_gap_goes_to_whoever_listens() -> None:
    engine = Script(Clock())
    listener = Listener(commands(), engine, [Keyword("yes")], alongside=True)
    listener.accept(quiet(1.0))
    assert listener.skip(8000) == []
    assert listener.position_samples == engine.position == 24000
    assert [hit.keyword for hit in hear(listener, np.concatenate((quiet(1.0), spoken("yes"), quiet(1.0))))] == ["yes"]


def test_reset_starts_a_new_stream() -> None:
    listener = Listener(commands(), None)
    first = hear(listener, with_gaps("yes"))
    listener.reset()
    assert listener.position_samples == 0
    assert hear(listener, with_gaps("yes")) == first != []


def test_new_keywords_reach_both() -> None:
    engine = Script(Clock())
    listener = Listener(commands(), engine, alongside=True)
    listener.set_keywords(listener.compile([Keyword("yes", name="agree"), Keyword("lamp", enabled=False)]))
    assert engine.keywords == listener.keywords == (Keyword("yes", name="agree"),)
    (hit,) = hear(listener, with_gaps("yes"))
    assert replace(hit, keyword="yes").keyword == hit.phrase
    assert hit.keyword == "agree"
