"""Whether a pause follows, from fbank made by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from kwsd.acoustic.loudness import PAUSE_NATS, Loudness

SHIFT, LOOK_AHEAD = 32, 13


def chunk(level: float, ahead: float) -> NDArray[np.float32]:
    """32 new frames at one log-power, 13 of look-ahead at another."""
    return np.repeat(np.array([level] * SHIFT + [ahead] * LOOK_AHEAD, np.float32)[:, None], 80, axis=1)


@pytest.mark.parametrize(("ahead", "pause"), [(-9.0, True), (-PAUSE_NATS - 0.1, True), (-PAUSE_NATS + 0.1, False)])
def test_a_pause_is_a_fall_of_power(ahead: float, pause: bool) -> None:
    loudness = Loudness(SHIFT)
    loudness.append(chunk(0.0, ahead))
    assert loudness.pause_ahead(3) is pause


def test_the_word_reaches_back_over_chunks() -> None:
    loudness = Loudness(SHIFT)
    for level, ahead in [(0.0, -2.0), (-4.0, -6.0)]:
        loudness.append(chunk(level, ahead))
    assert not loudness.pause_ahead(8)
    assert loudness.pause_ahead(9)
