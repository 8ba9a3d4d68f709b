"""How `kwsctl listen` tells a person of each record."""

import time
from typing import Any

import pytest

from kwsd.cli.ctl_show import human_line


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()


@pytest.mark.parametrize(
    ("record", "line"),
    [
        ({"type": "detection", "keyword": "lamp", "score": 0.987}, "lamp  0.99"),
        ({"type": "reloaded", "keywords": ["a"], "problems": []}, "reloaded: 1 keyword"),
        (
            {"type": "reloaded", "keywords": ["a", "b"], "problems": ["f:1: x", "f:3: y"]},
            "reloaded: 2 keywords, lines passed over: f:1: x; f:3: y",
        ),
        ({"type": "reload_failed", "problems": ["f: is empty"]}, "reload_failed: f: is empty"),
        ({"type": "mic_lost", "microphone": "usb", "reason": '"usb" is gone'}, 'mic_lost: "usb" is gone'),
        (
            {"type": "mic_recovered", "microphone": "usb", "after_s": 3.507, "attempts": 3},
            'mic_recovered: "usb", after 3.5 s',
        ),
        ({"type": "overrun", "lost_ms": 120.0, "total_lost_ms": 340.2}, "overrun: 120 ms lost, 340 ms in all"),
        ({"type": "degraded", "active": True, "reason": "too slow"}, "degraded: too slow"),
        ({"type": "degraded", "active": False, "reason": "keeps up"}, "no longer degraded: keeps up"),
        ({"type": "dropped", "n": 4}, "dropped: 4 events, this reader is too slow"),
        ({"type": "muted"}, "muted"),
        ({"type": "level", "rms_db": -40.1, "peak_db": -20.0}, "level: rms_db -40.1, peak_db -20.0"),
        ({"type": "something_new", "of": ["a", "b"]}, "something_new: of a; b"),
    ],
)
def test_a_line(record: dict[str, Any], line: str) -> None:
    """The time is that of the clock on the wall here."""
    assert human_line({"time": "2026-11-21T23:30:15.123456+00:00", **record}) == f"00:30:15  {line}"
