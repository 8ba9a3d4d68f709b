"""Orders: what is said behind a keyword that listens, and when a program asks."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kwsd.acoustic.model import Model
from kwsd.events import Detection, Event
from kwsd.keywords.keyword import Keyword
from kwsd.orders import NoSpeech, SpeechEnd, SpeechStart
from kwsd.search.settings import OrderSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Float32
from kwsd.timebase import SAMPLE_RATE
from testkit.tiny_model import silence, speak, with_noise

WAKE = Keyword("HEY LIGHT", name="wake", listen=True)
CHUNK_S = 0.32


@pytest.fixture(scope="module")
def model(tiny_model_dir: Path) -> Model:
    return Model.load(tiny_model_dir)


def said(*parts: Float32 | float) -> Float32:
    """Sound and pauses in seconds, in a room that is not quite silent."""
    whole = [silence(part) if isinstance(part, float) else part for part in parts]
    return with_noise(np.concatenate(whole), 1e-4)


def heard(spotter: PhraseSpotter, sound: Float32, cuts: list[int] | None = None, at: int = 0) -> list[Event]:
    """All that is told but misses."""
    edges = [0, *sorted(cuts or []), len(sound)]
    chunks = [Chunk(at + start, sound[start:end], "") for start, end in pairwise(edges)]
    return [event for chunk in chunks for event in spotter.push(chunk) if not event.optional]


def order_of(events: list[Event]) -> tuple[Detection, SpeechStart, SpeechEnd]:
    wake, start, end = events
    assert isinstance(wake, Detection)
    assert isinstance(start, SpeechStart)
    assert isinstance(end, SpeechEnd)
    return wake, start, end


@pytest.mark.parametrize("gap_s", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("quiet_gate", [False, True])
def test_an_order_is_told_from_its_first_sound_to_its_end(model: Model, gap_s: float, quiet_gate: bool) -> None:
    wake, order = speak("HEY LIGHT"), speak("TURN OFF THE LIGHT")
    sound = said(8.0, wake, gap_s, order, 3.0)
    begins, ends = 8.0 + len(wake) / SAMPLE_RATE + gap_s, (len(sound) / SAMPLE_RATE) - 3.0
    keyword, start, end = order_of(heard(PhraseSpotter(model, [WAKE], quiet_gate=quiet_gate), sound))
    assert start.since == end.since == keyword.end
    assert start.keyword == end.keyword == "wake"
    assert start.start == pytest.approx(begins, abs=0.15)
    assert end.start == start.start
    assert end.end == pytest.approx(ends, abs=0.2)
    assert end.sound_end == end.stream_time  # of 60 recordings one has a word behind the estimated end
    assert end.reason == "silence"
    assert end.stream_time - ends <= 0.8 + CHUNK_S / 2 + 0.2
    assert end.latency_ms == pytest.approx((end.stream_time - end.end) * 1000, abs=0.1)


@pytest.mark.parametrize("quiet_gate", [False, True])
def test_a_keyword_behind_which_nothing_is_said(model: Model, quiet_gate: bool) -> None:
    sound = said(8.0, speak("HEY LIGHT"), 7.0)
    keyword, nothing = heard(PhraseSpotter(model, [WAKE], quiet_gate=quiet_gate), sound)
    assert isinstance(keyword, Detection)
    assert isinstance(nothing, NoSpeech)
    assert (nothing.since, nothing.reason) == (keyword.end, "silence")
    assert 4.0 - CHUNK_S <= nothing.stream_time - nothing.since <= 4.0 + 3 * CHUNK_S


def test_a_pause_of_half_a_second_ends_no_order(model: Model) -> None:
    sound = said(1.0, speak("HEY LIGHT"), 0.3, speak("TURN ON"), 0.5, speak("THE LIGHT"), 0.5, speak("UP"), 2.0)
    _, start, end = order_of(heard(PhraseSpotter(model, [WAKE]), sound))
    assert end.end == pytest.approx(len(sound) / SAMPLE_RATE - 2.0, abs=0.2)
    assert start.start < end.end


@pytest.mark.parametrize("later_s", [0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28])
def test_wherever_the_steps_of_the_model_fall_a_pause_ends_no_order(model: Model, later_s: float) -> None:
    """1. An order with a pause of 0.6 s, wherever in the steps of 0.32 s. Result: it ends at its end, 0.9 s later."""
    sound = said(1.0 + later_s, speak("HEY LIGHT"), speak("TURN ON"), 0.6, speak("THE LIGHT"), 2.0)
    pieces = list(range(0, len(sound), 1600))
    _, _, end = order_of(heard(PhraseSpotter(model, [WAKE]), sound, pieces))
    ends = len(sound) / SAMPLE_RATE - 2.0
    assert end.end == pytest.approx(ends, abs=0.2)
    assert 0.7 <= end.stream_time - ends <= 1.0


def test_an_order_that_does_not_end_is_cut(model: Model) -> None:
    words = [speak(word) for word in ["TURN", "ON", "OFF"] * 6]
    sound = said(1.0, speak("HEY LIGHT"), *words, 2.0)
    limits = OrderSettings(longest_s=2.0)
    *_, end = order_of(heard(PhraseSpotter(model, [WAKE], orders=limits), sound)[:3])
    assert end.reason == "longest"
    assert end.stream_time - end.start == pytest.approx(2.0, abs=2 * CHUNK_S)


def test_settings_say_how_much_silence_ends_it(model: Model) -> None:
    sound = said(1.0, speak("HEY LIGHT"), speak("TURN OFF"), 6.0)
    late = heard(PhraseSpotter(model, [WAKE], orders=OrderSettings(end_s=3.0)), sound)
    early = heard(PhraseSpotter(model, [WAKE], orders=OrderSettings(end_s=0.4)), sound)
    assert 2.84 <= order_of(late)[2].latency_ms / 1000 <= 3.2
    assert 0.24 <= order_of(early)[2].latency_ms / 1000 <= 0.6


def test_a_program_listens_without_a_keyword(model: Model) -> None:
    """1. Asked in silence. 2. Asked again while it listens: the first is stopped. 3. Told to stop. 4. Sound ends."""
    spotter = PhraseSpotter(model, ["STOP"], orders=OrderSettings())
    assert heard(spotter, said(2.0)) == []
    assert list(spotter.orders.ask(OrderSettings())) == []
    assert spotter.orders.listening is not None
    (stopped,) = list(spotter.orders.ask(OrderSettings()))
    assert isinstance(stopped, NoSpeech)
    assert stopped.reason == "stopped"
    (start,) = spotter.push(Chunk(spotter.position_samples, said(speak("TURN OFF"), 0.2), ""))
    assert isinstance(start, SpeechStart)
    assert start.keyword is None
    (end,) = list(spotter.orders.stop("stopped"))
    assert isinstance(end, SpeechEnd)
    assert (end.reason, end.start) == ("stopped", start.start)
    assert list(spotter.orders.stop("stopped")) == []
    assert heard(spotter, said(1.0), at=spotter.position_samples) == []
    list(spotter.orders.ask(OrderSettings()))
    assert [type(event) for event in spotter.finish() if not event.optional] == [NoSpeech]


def test_frames_are_kept_only_where_something_may_listen_behind_them(model: Model) -> None:
    for spotter, keeps in (
        (PhraseSpotter(model, ["STOP"]), False),
        (PhraseSpotter(model, ["STOP"], orders=OrderSettings()), True),
        (PhraseSpotter(model, [WAKE]), True),
    ):
        heard(spotter, said(2.0))
        assert (spotter.orders.recent.last is not None) == keeps


def test_an_order_of_which_sound_is_lost_is_over(model: Model) -> None:
    spotter = PhraseSpotter(model, [WAKE])
    assert len(heard(spotter, said(1.0, speak("HEY LIGHT"), 0.5))) == 1
    (nothing,) = heard(spotter, said(2.0), at=spotter.position_samples + 5 * SAMPLE_RATE)
    assert isinstance(nothing, NoSpeech)
    assert nothing.reason == "lost"


def test_nothing_is_computed_while_nobody_listens(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.spotters.orders.Endpointer", None)
    spotter = PhraseSpotter(model, [Keyword("HEY LIGHT"), Keyword("STOP", listen=True)])
    assert len(heard(spotter, said(1.0, speak("HEY LIGHT"), speak("TURN OFF"), 2.0))) == 1


SOUND = said(2.0, speak("HEY LIGHT"), speak("TURN ON"), 0.5, speak("UP"), 2.0, speak("HEY LIGHT"), 5.0)


@given(cuts=st.lists(st.integers(0, len(SOUND)), max_size=12))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_however_sound_is_split_orders_are_equal(model: Model, cuts: list[int]) -> None:
    whole = heard(PhraseSpotter(model, [WAKE], quiet_gate=True), SOUND)
    assert [type(event) for event in whole] == [Detection, SpeechStart, SpeechEnd, Detection, NoSpeech]
    assert heard(PhraseSpotter(model, [WAKE], quiet_gate=True), SOUND, cuts) == whole


@pytest.mark.parametrize("piece", [160, 5120])
@pytest.mark.parametrize("knock_s", [0.55, 0.7])
@pytest.mark.parametrize("noise", [1e-4, 3e-2])
def test_however_sound_is_split_a_knock_in_the_silence_changes_nothing(
    model: Model, piece: int, knock_s: float, noise: float
) -> None:
    """1. Something rises when the silence is due, in a quiet room or in noise. Result: as if all sound came at once."""
    knock = np.random.default_rng(1).normal(0, 0.1, 2400).astype(np.float32)
    parts = [silence(1.0), speak("HEY LIGHT"), speak("TURN ON"), silence(knock_s), knock, silence(2.0)]
    sound = with_noise(np.concatenate(parts), noise)
    whole = heard(PhraseSpotter(model, [WAKE]), sound)
    assert heard(PhraseSpotter(model, [WAKE]), sound, list(range(piece, len(sound), piece))) == whole
    assert any(isinstance(event, SpeechEnd) for event in whole)


@pytest.mark.parametrize("later_s", [0.0, 0.12, 0.24])
def test_the_end_is_told_when_it_is_due_and_not_with_the_next_frames(model: Model, later_s: float) -> None:
    """1. A microphone gives 40 ms at a time. Result: the end comes with the 40 ms that make the silence long enough."""
    sound = said(1.0 + later_s, speak("HEY LIGHT"), speak("TURN ON"), 2.0)
    spotter, told = PhraseSpotter(model, [WAKE]), []
    for start in range(0, len(sound), 640):
        chunk = Chunk(start, sound[start : start + 640], "")
        told += [(event, chunk) for event in spotter.push(chunk) if isinstance(event, SpeechEnd)]
    ((end, chunk),) = told
    assert chunk.start_sample < round(end.stream_time * SAMPLE_RATE) <= chunk.end_sample
