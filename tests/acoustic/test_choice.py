"""The encoder that runs is a measured choice where nobody could time it before, made once for each machine."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from kwsd import Model
from kwsd.acoustic import choice, speed
from kwsd.acoustic.encoder import Encoder
from kwsd.cli.ctl_check import compare_graphs

SHIPPED = Path(__file__).parents[2] / "models" / "kwsd-en"
COMPACT, EXPORT = "encoder.compact.onnx", "encoder.int8.onnx"


class Clock:
    """In place of a machine's: what the compact graph and the export take, and how often it was asked."""

    def __init__(self, *times_ms: float) -> None:
        self.times_ms, self.asked = list(times_ms), 0

    def chunk_ms(self, encoders: Sequence[Encoder]) -> list[float]:
        """As that of `kwsd.acoustic.speed`."""
        assert {encoder.path.name for encoder in encoders} == {COMPACT, EXPORT}
        self.asked += 1
        return self.times_ms


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where choices are kept, on a machine that has to be timed."""
    monkeypatch.setattr(choice, "TIMED_ON", (os.uname().machine,))
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    return tmp_path / "cache" / choice.CHOSEN


def loaded(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> str:
    monkeypatch.setattr(speed, "chunk_ms", clock.chunk_ms)
    return Model.load(SHIPPED).encoder.path.name


@pytest.mark.parametrize(("export_ms", "chosen"), [(4.0, EXPORT), (9.5, COMPACT), (12.0, COMPACT)])
def test_what_takes_less_runs_and_is_timed_once(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, export_ms: float, chosen: str
) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock(10.0, export_ms)
    assert loaded(monkeypatch, clock) == chosen
    assert f"{export_ms:.2f} ms; {chosen} runs from now on" in caplog.text
    assert loaded(monkeypatch, clock) == chosen
    assert clock.asked == 1
    assert place.is_file()


@pytest.mark.parametrize("spoilt", [b"", b"[" * 60_000, b'{"a": 1}', b"[]", b"\xff", b"x" * (choice.MOST_BYTES + 1)])
def test_a_spoilt_record_is_as_none(place: Path, monkeypatch: pytest.MonkeyPatch, spoilt: bytes) -> None:
    place.parent.mkdir()
    place.write_bytes(spoilt)
    clock = Clock(10.0, 1.0)
    assert [loaded(monkeypatch, clock) for _ in range(2)] == [EXPORT, EXPORT]
    assert clock.asked == 1


def test_without_a_place_to_keep_it_each_start_times_anew(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.parent.write_text("a file, where a directory should be")
    clock = Clock(10.0, 1.0)
    assert [loaded(monkeypatch, clock) for _ in range(2)] == [EXPORT, EXPORT]
    assert clock.asked == 2


def test_elsewhere_nothing_is_timed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(choice, "TIMED_ON", ("a machine of another kind",))
    clock = Clock(10.0, 1.0)
    assert loaded(monkeypatch, clock) == COMPACT
    assert clock.asked == 0
    assert not [*tmp_path.iterdir()]


def test_kwsctl_check_shows_both_whichever_runs(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del place
    for export_ms, runs, other in ((1.0, EXPORT, COMPACT), (20.0, COMPACT, EXPORT)):
        monkeypatch.setattr(choice, "key_of", lambda *_, key=str(export_ms): key)
        assert loaded(monkeypatch, Clock(10.0, export_ms)) == runs
        compare_graphs(Model.load(SHIPPED))
        (line,) = (each for each in capsys.readouterr().out.splitlines() if each.startswith("encoder"))
        assert line.startswith(f"encoder     {runs} runs: ")
        assert f" ms a chunk, {other} " in line
