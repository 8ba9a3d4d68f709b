"""Recall against false alarms per hour, their intervals, what is proposed, and when the material is too little."""

import numpy as np
import pytest

from kwsd import Keyword, Model, SearchSettings
from kwsd.tuning.curves import Positives, changes_of, curve_of, share_between, sweep
from kwsd.tuning.hear import frames_of_take, least_per_hour, most_per_hour
from kwsd.tuning.picture import draw_curves
from kwsd.tuning.takes import trim_take
from testkit.spoken import spoken, with_gaps

SETTINGS = SearchSettings(threshold=0.5, boost=1.5)


def test_a_curve_counts_at_every_threshold_and_proposes_the_lowest_that_will_do() -> None:
    scores = [0.3, 0.45, 0.6, 0.7, 0.8, 0.85, 0.9, 0.9, 0.95, 0.95, 0.0, 0.99]
    false = [0.62, 0.5, 0.4, 0.3]
    curve = curve_of(Keyword("go"), scores, false, hours=100.0, per_hour=0.03, search=SETTINGS)
    assert (curve.recordings, curve.now.threshold, curve.now.recall) == (12, 0.5, 9 / 12)
    assert (curve.now.false_per_hour, curve.proposed.threshold) == (0.02, 0.305)
    assert curve.proposed.recall == 10 / 12
    assert not [doubt for doubt in curve.doubts if "recordings" in doubt]
    for point in curve.points:
        assert point.recall_low <= point.recall <= point.recall_high
        assert point.false_low <= point.false_per_hour <= point.false_high
    recalls = [point.recall for point in curve.points]
    assert recalls == sorted(recalls, reverse=True)


def test_too_little_is_said_and_no_threshold_is_lowered_on_it() -> None:
    curve = curve_of(Keyword("go", threshold=0.7), [0.9, 0.8], [], hours=1.0, per_hour=0.1, search=SETTINGS)
    assert [doubt.split()[0] for doubt in curve.doubts] == ["2", "1"]
    assert "30 h could" in curve.doubts[1]
    assert curve.proposed.threshold == curve.now.threshold == 0.7


def test_intervals_are_those_of_the_tables() -> None:
    assert share_between(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-3)
    assert share_between(0, 0) == (0.0, 1.0)
    assert least_per_hour(5, 1, 0.975) == pytest.approx(1.623, abs=1e-3)
    assert most_per_hour(5, 1, 0.975) == pytest.approx(11.668, abs=1e-3)
    assert most_per_hour(2000, 1, 0.975) == pytest.approx(2089.6, rel=1e-3)


def test_recordings_are_swept_at_several_boosts_and_judged_clips_count() -> None:
    """1. Three sayings, one clip that was judged wrong. 2. Two boosts. Result: a curve, and changes for the file."""
    model = Model.load("kwsd-en")
    hiss = np.random.default_rng(1).normal(0, 3e-4, 12_000).astype(np.float32)
    right = [
        frames_of_take(model, trim_take("a", np.concatenate([hiss, spoken("good morning", "en-us", speed), hiss])))
        for speed in (140, 150, 160)
    ]
    talk = with_gaps("what time is it", "a good day for a walk in the morning", gap_s=0.4)
    background = frames_of_take(model, trim_take("b", talk))
    keyword = Keyword("good morning", name="hello")
    (curve,) = sweep(
        model,
        [keyword, Keyword("unused")],
        {"hello": Positives(right, wrong=[right[0]])},
        lambda: background,
        hours=0.002,
        per_hour=0.3,
        boosts=(1.0, 3.0),
    )
    assert curve.keyword == "hello"
    assert curve.points[0].recall > 0.6
    assert curve.points[0].false_per_hour >= 500
    assert changes_of(curve, keyword, model.settings())["threshold"] == curve.proposed.threshold


def test_a_picture_is_drawn_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("p") / "c.png"
    curve = curve_of(Keyword("go"), [0.9] * 12, [0.5, 0.4], hours=5.0, per_hour=0.3, search=SETTINGS)
    draw_curves(path, [curve])
    assert path.read_bytes().startswith(b"\x89PNG")
