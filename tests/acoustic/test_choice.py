"""The encoder that runs is a measured choice where nobody could time it before, made once for each machine."""

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from kwsd import Model
from kwsd.acoustic import alike, choice, kinds, speed
from kwsd.acoustic.encoder import Encoder
from kwsd.acoustic.kinds import KindTimes
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
        assert len(encoders) == len(self.times_ms)
        return self.times_ms


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where choices are kept, on a machine that has to be timed."""
    monkeypatch.setattr(choice, "TIMED_ON", (os.uname().machine,))
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    monkeypatch.setattr(kinds, "kind_times", lambda _: {"96x192": KindTimes(20, 1.0, 0.95)})
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
    assert f"{EXPORT} takes {export_ms:.2f} ms; {chosen} runs from now on" in caplog.text
    assert loaded(monkeypatch, clock) == chosen
    assert clock.asked == 1
    assert place.is_file()


MIXED = f"{COMPACT} with int8 for 96x192 160x96"


@pytest.mark.parametrize(
    ("others_ms", "chosen"),
    [((8.0, 12.0), MIXED), ((8.0, 7.5), MIXED), ((8.0, 7.0), EXPORT), ((9.9, 12.0), COMPACT), ((12.0, 8.5), EXPORT)],
)
def test_kinds_of_matrices_are_chosen_one_by_one(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    others_ms: tuple[float, float],
    chosen: str,
) -> None:
    """Scenario.

    1. On a machine two kinds of matrices cost less in int8, others more. 2. The graph with these two in int8 is timed
    beside the one in float32 and the export. 3. The model is loaded again.

    Result: what takes least runs, where it is worth it, and nothing is timed again.
    """
    caplog.set_level(logging.INFO)
    times = {"96x192": (20, 1.0, 0.6), "96x96": (30, 1.0, 1.4), "160x96": (10, 0.5, 0.4), "456x96": (1, 0.0, np.inf)}
    monkeypatch.setattr(kinds, "kind_times", lambda _: {kind: KindTimes(*taken) for kind, taken in times.items()})
    clock = Clock(10.0, *others_ms)
    monkeypatch.setattr(speed, "chunk_ms", clock.chunk_ms)
    for _ in range(2):
        assert Model.load(SHIPPED).encoder.label == chosen
    assert clock.asked == 1
    assert f"{MIXED} takes {others_ms[0]:.2f} ms" in caplog.text
    assert f"{chosen} runs from now on" in caplog.text
    assert place.is_file()


@pytest.mark.parametrize("fault", ["apart", "company"])
def test_kinds_that_would_change_what_is_heard_are_left_alone(
    place: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """1. Frames are far from those in float32. 2. A stream gives others beside others. Float32 runs either way."""
    del place
    monkeypatch.setattr(kinds, "kind_times", lambda _: {"96x192": KindTimes(20, 1.0, 0.1)})
    if fault == "apart":
        monkeypatch.setattr(alike, "apart", lambda *_: 0.06)
    else:
        monkeypatch.setattr(alike, "apart_in_company", lambda _: 0.001)
    assert loaded(monkeypatch, Clock(10.0, 20.0)) == COMPACT
    assert not Model.load(SHIPPED).encoder.int8


def test_in_an_installed_package_without_the_export_kinds_are_chosen_as_well(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`kwsctl check` says what runs in int8 there."""
    del place
    own = tmp_path / "kwsd-en"
    shutil.copytree(SHIPPED, own, ignore=shutil.ignore_patterns("encoder.onnx", EXPORT))
    monkeypatch.setattr(kinds, "kind_times", lambda _: {"96x192": KindTimes(20, 1.0, 0.6)})
    monkeypatch.setattr(speed, "chunk_ms", lambda encoders: [10.0, 8.0][: len(encoders)])
    compare_graphs(Model.load(own))
    assert capsys.readouterr().out.splitlines() == [
        "encoder     encoder.compact.onnx with int8 for 96x192 runs: 10.00 ms a chunk",
        "            encoder.compact.onnx, ms a chunk by kind of matrix (how many): float32, int8",
        "              96x192  (20)   1.00   0.60  runs in int8",
    ]


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
