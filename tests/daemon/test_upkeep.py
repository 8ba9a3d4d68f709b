"""What is looked after while the daemon runs."""

from types import SimpleNamespace
from typing import Any

import pytest

from kwsd.daemon import upkeep
from kwsd.daemon.upkeep import SILENT_S, Upkeep
from kwsd.events import MicLost


def test_a_machine_that_was_stopped_has_lost_no_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    """1. The clock jumps by ten minutes: nothing is lost. 2. It gives no sound after that either: it is."""
    now_s, told = 1000.0, list[Any]()
    clock = SimpleNamespace(monotonic=lambda: now_s)
    monkeypatch.setattr(upkeep, "time", clock)
    monkeypatch.setattr(upkeep, "every", lambda _, look: look)
    monkeypatch.setattr(upkeep, "summary", lambda _: "")
    source: Any = SimpleNamespace(
        bus=SimpleNamespace(tell=told.append),
        progress=SimpleNamespace(position_s=0.0),
        capture=SimpleNamespace(heard_at_s=now_s, reopens=True),
        state=SimpleNamespace(source=SimpleNamespace(is_open=True)),
    )
    look: Any = Upkeep(SimpleNamespace(), [source], SimpleNamespace()).state()  # type: ignore[arg-type]
    now_s += 600.0
    look()
    assert not any(isinstance(record, MicLost) for record in told)
    source.capture.heard_at_s = now_s
    for _ in range(round(SILENT_S) + 2):
        now_s += 1.0
        look()
    assert any(isinstance(record, MicLost) for record in told)
