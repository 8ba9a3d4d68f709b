"""The rule of kwsd.spotters.merge: two models, one event per word."""

import pytest

from kwsd.events import Detection
from kwsd.spotters.merge import Merge
from kwsd.timebase import samples


def heard(engine: str, phrase: str = "stop", start: float = 2.0, score: float = 0.8, after: float = 0.3) -> Detection:
    end = start + 0.4
    return Detection(
        keyword=phrase,
        phrase=phrase,
        start=start,
        end=end,
        score=score,
        min_score=score,
        threshold=0.5,
        tokens=(phrase,),
        timestamps=(start,),
        engine=engine,
        stream_time=end + after,
        latency_ms=after * 1000,
    )


def merge_of(*phrases: str) -> Merge:
    made = Merge()
    made.share(phrases or ("STOP",))
    return made


@pytest.mark.parametrize("first", ["zipformer", "ds-cnn"])
def test_the_same_word_from_both_is_one_event_with_both_scores(first: str) -> None:
    """1. Whoever is first waits. 2. The other joins it: times of the open vocabulary, both scores."""
    merge = merge_of()
    open_hit = heard("zipformer", "STOP", 2.0, 0.9)
    fixed_hit = heard("ds-cnn", "stop", 2.1, 0.7, after=0.6)
    order = [open_hit, fixed_hit] if first == "zipformer" else [fixed_hit, open_hit]
    assert merge.push([order[0]], samples(2.7)) == []
    (event,) = merge.push([order[1]], samples(3.1))
    assert (event.engine, event.score, event.start) == ("zipformer", 0.9, 2.0)
    assert (event.second_engine, event.second_score) == ("ds-cnn", 0.7)
    assert event.stream_time == fixed_hit.stream_time
    assert event.latency_ms == pytest.approx((event.stream_time - event.end) * 1000)
    assert merge.flush() == []


def test_alone_it_goes_out_after_half_a_second_and_a_late_twin_is_dropped() -> None:
    merge = merge_of()
    hit = heard("ds-cnn")
    assert merge.push([hit], samples(2.7)) == []
    assert merge.push([], samples(3.1)) == []
    assert merge.push([], samples(3.2)) == [hit]
    assert merge.push([heard("zipformer", start=2.2)], samples(3.4)) == []
    assert merge.flush() == []


def test_it_waits_while_the_fixed_words_decide_about_that_word() -> None:
    """1. The open vocabulary hears stop. 2. The fixed words do, 0.9 s later. Result: one event, both scores."""
    merge, hit = merge_of("stop", "go"), heard("zipformer")
    assert merge.push([hit], samples(2.7), "stop") == merge.push([], samples(3.5), "stop") == []
    (event,) = merge.push([heard("ds-cnn", after=1.2)], samples(3.6))
    assert event.second_engine == "ds-cnn"
    merge.push([again := heard("zipformer", start=5.0)], samples(5.7), "stop")
    assert merge.push([], samples(6.3), "go") == [again]


def test_a_twin_of_a_joined_event_is_dropped() -> None:
    merge = merge_of()
    merge.push([heard("ds-cnn"), heard("zipformer")], samples(2.7))
    assert merge.push([heard("ds-cnn", start=2.3)], samples(2.9)) == []
    assert merge.flush() == []


@pytest.mark.parametrize(("apart_s", "events"), [(0.49, 1), (0.51, 2)])
def test_half_a_second_apart_is_another_word(apart_s: float, events: int) -> None:
    merge = merge_of()
    told = merge.push([heard("zipformer", start=2.0), heard("ds-cnn", start=2.4 + apart_s)], samples(3.5))
    assert len(told + merge.flush()) == events


def test_the_same_word_twice_from_one_engine_stays_two() -> None:
    merge = merge_of()
    told = merge.push([heard("ds-cnn", start=2.0), heard("ds-cnn", start=2.6)], samples(3.2))
    assert len(told + merge.flush()) == 2


def test_different_words_never_join() -> None:
    merge = merge_of("stop", "go")
    told = merge.push([heard("zipformer", "stop"), heard("ds-cnn", "go")], samples(2.7))
    assert len(told + merge.flush()) == 2


def test_a_word_of_one_engine_only_does_not_wait() -> None:
    hit = heard("zipformer", "LIGHTS ON")
    assert merge_of("stop").push([hit], samples(2.7)) == [hit]
