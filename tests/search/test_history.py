"""Whether a pause follows, from frames made by hand."""

import numpy as np
import pytest

from kwsd.search.history import PAUSE_NATS, FrameHistory
from kwsd.stream import Frames

NEW, LOOK_AHEAD = 32, 13


def frames(level: float, ahead: float) -> Frames:
    """8 frames at one log-power, and 130 ms of look-ahead at another."""
    return Frames(
        origin_sample=0,
        first=0,
        count=8,
        kind="heard",
        encoder_out=np.zeros((8, 4), np.float32),
        power=np.array([level] * NEW + [ahead] * LOOK_AHEAD, np.float32),
        arrived_sample=7_320,
    )


@pytest.mark.parametrize(("ahead", "pause"), [(-9.0, True), (-PAUSE_NATS - 0.1, True), (-PAUSE_NATS + 0.1, False)])
def test_a_pause_is_a_fall_of_power(ahead: float, pause: bool) -> None:
    history = FrameHistory(250)
    history.push(frames(0.0, ahead))
    assert history.pause_ahead(3) is pause


def test_the_word_reaches_back_over_segments() -> None:
    history = FrameHistory(250)
    for level, ahead in [(0.0, -2.0), (-4.0, -6.0)]:
        history.push(frames(level, ahead))
    assert not history.pause_ahead(8)
    assert history.pause_ahead(9)
