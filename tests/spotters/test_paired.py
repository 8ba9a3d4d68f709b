"""Both engines on one stream: alongside, takeover and hand-back."""

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd.acoustic.model import Model
from kwsd.commands12.model import find_model
from kwsd.config.settings import FixedWords
from kwsd.errors import ConfigError, ModelError
from kwsd.events import Degraded, Detection, Event, Loaded
from kwsd.keywords.compile import CompiledKeywords, compile_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.spotters.fixed import FixedSpotter
from kwsd.spotters.interface import PhraseHearer
from kwsd.spotters.model_retry import Keywords, ModelRetry
from kwsd.spotters.paired import TOO_SLOW, PairedSpotter
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.spotters.realtime import LONGEST_PAUSE_S, PAUSE_S, WATCHED_S, RealTime, Verdict
from kwsd.stream import NO_SAMPLES, Chunk, Float32, Frames
from kwsd.timebase import SAMPLE_RATE
from testkit.letters import letter_tokenizer
from testkit.spoken import spoken, with_gaps
from testkit.tiny_model import speak

BLOCK = 5120


class Clock:
    """Seconds that pass only when told."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Script:
    """An open-vocabulary spotter that hears what it was told to, and takes as long as it was told to."""

    name = "script"
    bad_chunks = heard_samples = 0
    frames: Sequence[Frames] = ()
    weights = ""
    quiet = orders = sentences = None
    gain_db = 0.0

    def __init__(self, clock: Clock, hits: Sequence[Detection] = (), keywords: Sequence[Keyword] = ()) -> None:
        self.clock, self.hits, self.load = clock, list(hits), 0.1
        self.tokenizer = letter_tokenizer()
        self.position_samples = 0
        self.gaps: list[int] = []
        self.compiled = self.compile(keywords)
        self.thresholds: dict[str, float] = {}

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        return self.compiled.keywords

    def push(self, chunk: Chunk) -> list[Event]:
        if chunk.start_sample > self.position_samples:
            self.gaps.append(chunk.start_sample - self.position_samples)
        self.position_samples = chunk.end_sample
        self.clock.now_s += self.load * len(chunk.samples) / SAMPLE_RATE
        now_s = self.position_samples / SAMPLE_RATE
        due = [hit for hit in self.hits if hit.stream_time <= now_s]
        self.hits = [hit for hit in self.hits if hit.stream_time > now_s]
        return [*due]

    def held(self) -> dict[str, float]:
        return {}

    def finish(self) -> list[Event]:
        return []

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
        return compile_keywords(keywords, self.tokenizer, 31, SearchSettings())

    def replace(self, compiled: CompiledKeywords) -> None:
        self.compiled = compiled


def fixed_words(words: tuple[str, ...] = ()) -> FixedSpotter:
    model = find_model("ds-cnn")
    return FixedSpotter(model, FixedWords(threshold=0.35, words=words))


def push(spotter: PairedSpotter, sound: Float32, lost: int = 0) -> list[Event]:
    return spotter.push(Chunk(spotter.position_samples + lost, sound, ""))


def everything(spotter: PairedSpotter, sound: Float32) -> list[Event]:
    return [event for at in range(0, len(sound), BLOCK) for event in push(spotter, sound[at : at + BLOCK])]


def detections(events: Sequence[Event]) -> list[Detection]:
    return [event for event in events if isinstance(event, Detection)]


def degraded(events: Sequence[Event]) -> list[bool]:
    return [event.active for event in events if isinstance(event, Degraded)]


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


def test_frames_behind_a_gap_are_all_told(tiny_model_dir: Path) -> None:
    """Those that the gap's silence completes, too: they are what the open vocabulary alone has for the same sound."""
    model, sound = Model.load(tiny_model_dir), speak("LIGHT ON", lead_s=0.5, tail_s=1.0)
    alone = PhraseSpotter(model, ["LIGHT ON"])
    paired = PairedSpotter(fixed_words(), PhraseSpotter(model, ["LIGHT ON"]), alongside=True)
    for begins, ends in ((0, 4000), (4000, 9000), (18_000, 23_000), (23_000, 28_000)):
        chunk = Chunk(begins, sound[:5000][: ends - begins], "")
        told: list[list[tuple[int, int, int]]] = []
        for spotter in (alone, paired):
            spotter.push(chunk)
            told.append([(each.origin_sample, each.first, each.count) for each in spotter.frames])
        assert told[0] == told[1], begins


def test_alongside_joins_what_both_hear_and_passes_what_one_hears() -> None:
    """1. Both hear "yes": one event, both scores. 2. Only the fixed words have "off". 3. Only the other a phrase."""
    sound = with_gaps("yes", "off")
    script = Script(
        Clock(),
        [open_hit("YES", 1.0, 1.4), open_hit("LIGHTS ON", 2.5, 2.9)],
        [Keyword("YES"), Keyword("LIGHTS ON")],
    )
    spotter = PairedSpotter(fixed_words(words=("yes", "off")), script, alongside=True)
    told = detections(everything(spotter, sound)) + detections(spotter.finish())
    assert sorted((hit.phrase, hit.engine, hit.second_engine) for hit in told) == [
        ("LIGHTS ON", "zipformer", None),
        ("YES", "zipformer", "ds-cnn"),
        ("off", "ds-cnn", None),
    ]


def test_a_fixed_word_that_is_long_decided_about_still_joins() -> None:
    """1. What follows a word is listened to for 1.2 s. 2. The other model hears it at once. Result: one event."""
    script = Script(Clock(), [open_hit("YES", 1.0, 1.4)], [Keyword("YES")])
    fixed = FixedSpotter(find_model("ds-cnn"), FixedWords(threshold=0.35, hold_s=1.2))
    told = detections(everything(PairedSpotter(fixed, script, alongside=True), with_gaps("yes", "off")))
    assert [(hit.phrase, hit.engine, hit.second_engine) for hit in told] == [("YES", "zipformer", "ds-cnn")]


def test_a_fast_model_is_left_alone_and_the_fixed_words_rest() -> None:
    spotter = PairedSpotter(fixed_words(), Script(Clock(), keywords=[Keyword("yes")]))
    assert [*everything(spotter, with_gaps("yes", "off")), *spotter.finish()] == []


def test_a_slow_model_is_stood_in_for_and_gets_the_stream_back() -> None:
    """1. Slower than the sound: after 3 s the fixed words take over, and that is told. 2. They are heard.

    3. After half a minute the model is tried again; it keeps up now, and gets the stream back with a gap.
    """
    clock = Clock()
    script = Script(clock, keywords=[Keyword("yes"), Keyword("off")])
    script.load = 1.5
    spotter = PairedSpotter(fixed_words(), script, clock=clock)
    told = everything(spotter, quiet(WATCHED_S + 0.5))
    assert [event.reason for event in told if isinstance(event, Degraded)] == [TOO_SLOW]
    heard = detections(everything(spotter, np.concatenate((quiet(1.0), with_gaps("yes", "off"), quiet(1.0)))))
    assert [(hit.keyword, hit.engine) for hit in heard] == [("yes", "ds-cnn"), ("off", "ds-cnn")]
    script.load = 0.2
    assert degraded(everything(spotter, quiet(PAUSE_S + WATCHED_S + 1.0))) == [False]
    assert len(script.gaps) == 1
    assert script.position_samples == spotter.position_samples
    assert everything(spotter, with_gaps("yes", "off")) == []


def test_a_model_that_stays_slow_is_tried_less_and_less() -> None:
    pace = RealTime()
    assert pace.worked(WATCHED_S, 2 * WATCHED_S) is Verdict.TAKE_OVER
    pauses = []
    for _ in range(7):
        waited = 0.0
        while pace.paused:
            pace.rested(1.0)
            waited += 1.0
        pauses.append(waited)
        assert pace.on_trial
        assert pace.worked(WATCHED_S, 2 * WATCHED_S) is Verdict.STAY
    assert pauses[:3] == [PAUSE_S, 2 * PAUSE_S, 4 * PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_a_single_slow_moment_changes_nothing() -> None:
    pace = RealTime()
    assert pace.worked(0.3, 2.0) is Verdict.STAY
    assert pace.worked(3.0, 0.3) is Verdict.STAY
    assert not pace.paused


class LateModel:
    """What the retry loads: nothing until there is a model."""

    def __init__(self) -> None:
        self.model: Model | None = None
        self.file = [Keyword("MAKE IT WARMER")]

    def load(self, keywords: Keywords) -> PhraseSpotter:
        if self.model is None:
            raise ModelError("still missing")
        return PhraseSpotter(self.model, self.file if keywords is None else keywords)


def test_a_model_that_goes_again_is_tried_no_more_often() -> None:
    """1. It is loaded for one list while another comes into force. 2. It is gone. Result: the usual wait, each time."""
    gone, tries = threading.Event(), []

    def load(keywords: Keywords) -> PhraseHearer:
        tries.append(keywords)
        if gone.is_set():
            raise ModelError("gone")
        return Script(Clock())

    retry, now = ModelRetry(load, retry_samples=1000), 0
    for keywords, chunks in (((Keyword("yes"),), 10), ((Keyword("no"),), 30)):
        for _ in range(chunks):
            now += 100
            assert retry.poll(now, keywords) is None
            for thread in threading.enumerate():
                if thread.name == "load model":
                    thread.join()
            if tries:
                gone.set()
    assert len(tries) == 4


def no_events() -> list[Event]:
    return []


def until_loaded(spotter: PairedSpotter) -> list[Event]:
    deadline, told = time.monotonic() + 20, no_events()
    while not any(isinstance(event, Loaded) for event in told) and time.monotonic() < deadline:
        told += push(spotter, quiet(0.5))
        time.sleep(0.01)
    return told


def test_a_model_that_cannot_be_loaded_is_stood_in_for_until_it_can(tiny_model_dir: Path) -> None:
    """1. Without the model the fixed words are heard, and that is told. 2. The model comes: it hears its phrases."""
    late = LateModel()
    spotter = PairedSpotter(fixed_words(), None, retry=ModelRetry(late.load, retry_samples=SAMPLE_RATE))
    told = everything(spotter, np.concatenate((with_gaps("yes", "off"), quiet(1.0))))
    assert [hit.keyword for hit in detections(told)] == ["yes", "off"]
    assert degraded(told) == [True]
    late.model = Model.load(tiny_model_dir)
    told = until_loaded(spotter)
    assert [type(event) for event in told] == [Loaded, Degraded]
    assert spotter.keywords == (Keyword("MAKE IT WARMER"),)
    began = spotter.position_samples / SAMPLE_RATE
    (hit,) = detections(everything(spotter, np.concatenate((quiet(1.0), speak("MAKE IT WARMER"), quiet(1.0)))))
    assert (hit.phrase, hit.engine) == ("MAKE IT WARMER", "zipformer")
    assert hit.start == pytest.approx(began + 1.0, abs=0.3)


def test_a_late_model_takes_the_list_in_force(tiny_model_dir: Path) -> None:
    """1. The model is missing. 2. A program sets other keywords. 3. The model comes. Result: it hears those."""
    late = LateModel()
    spotter = PairedSpotter(fixed_words(), None, retry=ModelRetry(late.load, retry_samples=SAMPLE_RATE))
    spotter.replace(spotter.compile([Keyword("stop", name="halt")]))
    late.model = Model.load(tiny_model_dir)
    told = until_loaded(spotter)
    assert [event.keywords for event in told if isinstance(event, Loaded)] == [("halt",)]
    assert spotter.keywords == (Keyword("stop", name="halt"),)


def test_an_unforeseen_failure_of_the_retry_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[Keywords] = []

    def load(keywords: Keywords) -> PhraseSpotter:
        attempts.append(keywords)
        raise ZeroDivisionError("nobody thought of that")

    retry = ModelRetry(load, retry_samples=10)
    deadline, now = time.monotonic() + 20, 0
    while len(attempts) < 2 and time.monotonic() < deadline:
        now += 10
        assert retry.poll(now, None) is None
        time.sleep(0.01)
    assert "nobody thought of that" in caplog.text


def test_phrases_are_refused_while_only_the_fixed_words_are_heard() -> None:
    spotter = PairedSpotter(fixed_words(), None, retry=ModelRetry(LateModel().load))
    with pytest.raises(ConfigError, match="lamp"):
        spotter.compile([Keyword("yes"), Keyword("lamp")])


def test_a_gap_goes_to_whoever_listens() -> None:
    script = Script(Clock(), keywords=[Keyword("yes")])
    spotter = PairedSpotter(fixed_words(), script, alongside=True)
    push(spotter, quiet(1.0))
    assert push(spotter, NO_SAMPLES, lost=8000) == []
    assert spotter.position_samples == script.position_samples == 24000
    told = everything(spotter, np.concatenate((quiet(1.0), spoken("yes"), quiet(1.0)))) + spotter.finish()
    assert [hit.keyword for hit in detections(told)] == ["yes"]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 5 * SAMPLE_RATE), max_size=12))
def test_any_split_tells_the_same(cuts: list[int], tiny_model_dir: Path) -> None:
    """In the order decided; what two models hear in one chunk may be told in the other order when it is cut."""
    model = Model.load(tiny_model_dir)
    sound = np.concatenate((speak("LIGHTS ON"), quiet(0.6), with_gaps("yes", "off"), quiet(1.0)))
    told = []
    for pieces in ([sound], np.split(sound, sorted(cut for cut in cuts if cut < len(sound)))):
        spotter = PairedSpotter(fixed_words(), PhraseSpotter(model, ["LIGHTS ON"]), alongside=True)
        heard = [event for piece in pieces for event in push(spotter, piece)] + spotter.finish()
        told.append(sorted(detections(heard), key=lambda hit: hit.start))
    assert told[0] == told[1]
    assert {"LIGHTS ON", "yes", "off"} <= {hit.phrase for hit in told[0]}


def test_a_word_that_is_switched_off_is_not_heard_and_brings_no_others(tiny_model_dir: Path) -> None:
    """1. A list of a phrase, and "yes" switched off. 2. The same, set later. Result: none of the ten is told."""
    listed = [Keyword("LIGHTS ON"), Keyword("YES", enabled=False)]
    model = Model.load(tiny_model_dir)
    for first in (listed, ["LIGHTS ON"]):
        spotter = PairedSpotter(fixed_words(), PhraseSpotter(model, first), alongside=True)
        if first is not listed:
            spotter.replace(spotter.compile(listed))
        assert detections(everything(spotter, with_gaps("yes", "off"))) == []


def test_new_keywords_reach_both() -> None:
    script = Script(Clock())
    spotter = PairedSpotter(fixed_words(), script, alongside=True)
    spotter.replace(spotter.compile([Keyword("yes", name="agree"), Keyword("lamp", enabled=False)]))
    assert script.keywords == spotter.keywords == (Keyword("yes", name="agree"),)
    (hit,) = detections(everything(spotter, np.concatenate((with_gaps("yes"), quiet(1.0)))))
    assert (hit.keyword, hit.phrase) == ("agree", "yes")
