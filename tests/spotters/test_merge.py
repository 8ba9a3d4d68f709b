"""The rule of kwsd.spotters.merge: two engines, one event per word."""

import pytest

from kwsd.events import Detection
from kwsd.spotters.merge import Arbiter


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


def arbiter(*phrases: str) -> Arbiter:
    made = Arbiter()
    made.share(phrases or ("STOP",))
    return made


@pytest.mark.parametrize("first", ["zipformer", "ds-cnn"])
def test_the_same_word_from_both_is_one_event_with_both_scores(first: str) -> None:
    """1. Whoever is first waits. 2. The other joins it: times of the open vocabulary, both scores."""
    judge = arbiter()
    open_hit = heard("zipformer", "STOP", 2.0, 0.9)
    fixed_hit = heard("ds-cnn", "stop", 2.1, 0.7, after=0.6)
    order = [open_hit, fixed_hit] if first == "zipformer" else [fixed_hit, open_hit]
    assert judge.take([order[0]], 2.7) == []
    (event,) = judge.take([order[1]], 3.1)
    assert (event.engine, event.score, event.start) == ("zipformer", 0.9, 2.0)
    assert (event.second_engine, event.second_score) == ("ds-cnn", 0.7)
    assert event.stream_time == fixed_hit.stream_time
    assert event.latency_ms == pytest.approx((event.stream_time - event.end) * 1000)
    assert judge.flush() == []


def test_alone_it_goes_out_after_half_a_second_and_a_late_twin_is_dropped() -> None:
    judge = arbiter()
    hit = heard("ds-cnn")
    assert judge.take([hit], 2.7) == []
    assert judge.take([], 3.1) == []
    assert judge.take([], 3.2) == [hit]
    assert judge.take([heard("zipformer", start=2.2)], 3.4) == []
    assert judge.flush() == []


def test_a_twin_of_a_joined_event_is_dropped() -> None:
    judge = arbiter()
    judge.take([heard("ds-cnn"), heard("zipformer")], 2.7)
    assert judge.take([heard("ds-cnn", start=2.3)], 2.9) == []
    assert judge.flush() == []


@pytest.mark.parametrize(("apart_s", "events"), [(0.49, 1), (0.51, 2)])
def test_half_a_second_apart_is_another_word(apart_s: float, events: int) -> None:
    judge = arbiter()
    told = judge.take([heard("zipformer", start=2.0), heard("ds-cnn", start=2.4 + apart_s)], 3.5)
    assert len(told + judge.flush()) == events


def test_the_same_word_twice_from_one_engine_stays_two() -> None:
    judge = arbiter()
    told = judge.take([heard("ds-cnn", start=2.0), heard("ds-cnn", start=2.6)], 3.2)
    assert len(told + judge.flush()) == 2


def test_different_words_never_join() -> None:
    judge = arbiter("stop", "go")
    told = judge.take([heard("zipformer", "stop"), heard("ds-cnn", "go")], 2.7)
    assert len(told + judge.flush()) == 2


def test_a_word_of_one_engine_only_does_not_wait() -> None:
    hit = heard("zipformer", "LIGHTS ON")
    assert arbiter("stop").take([hit], 2.7) == [hit]
