"""How far a long run is, where nobody watches: lines of the log."""

import logging
import time

import pytest

from kwsd.cli.progress import sound_progress
from kwsd.timebase import samples


def test_a_run_over_night_tells_now_and_then_how_far_it_is(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there already, and is told at once, makes it no quicker; behind the end there is nothing to tell."""
    caplog.set_level(logging.INFO)
    now_s = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    with sound_progress("encoding", 100 * 3600.0) as advance:
        advance(samples(50 * 3600.0))
        for later_s, done_h in ((200.0, 5.0), (400.0, 5.0), (500.0, 5.0), (701.0, 5.0), (2000.0, 30.0)):
            now_s[0] = later_s
            advance(samples(done_h * 3600.0))
    assert caplog.messages == [
        "encoding: 60 %, 90 × real time, 27 min left",
        "encoding: 70 %, 103 × real time, 18 min left",
    ]
