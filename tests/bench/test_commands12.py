"""Figures of the fixed words, measured beside stated; without the shared data where that is possible."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.commands12 import costs, hearing, run
from kwsd.commands12.model import find_model
from measure.accuracy import Clip
from measure.command_figures import CLEAN, Cell, read, write
from measure.command_streams import Piece, Stream
from measure.noise_grid import BABBLE_S, noise
from measure.wav import RATE
from testkit.spoken import spoken, with_gaps

CELL = Cell("ds-cnn", CLEAN, 0, 10)


def test_what_is_stated_is_read_as_it_was_written(tmp_path: Path) -> None:
    stated = {Cell("b", "white", -5, 304): 0.5, CELL: 0.9594}
    assert read(tmp_path) == {}
    write(tmp_path, stated)
    assert read(tmp_path) == stated


@pytest.mark.parametrize(("found", "within"), [(0.96, True), (0.94, True), (0.9399, False), (0.9801, False)])
def test_a_row_is_within_the_tolerance_or_not(found: float, within: bool) -> None:
    row, is_near = run.verdict(CELL, found, {CELL: 0.96}, 2.0)
    assert is_near is within
    assert ("APART" in row) is not within


def test_what_is_not_stated_cannot_be_compared() -> None:
    assert run.verdict(CELL, 0.5, {}, 2.0)[1] is None


@pytest.mark.parametrize(("stated", "status"), [({CELL: 1.0}, 0), ({CELL: 0.5}, 1), ({}, 1)])
def test_it_ends_with_0_only_where_all_is_as_stated(
    stated: dict[Cell, float], status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Ten clips of "yes" for the real model. Result: the exit status is whether the stated accuracy is near."""
    (tmp_path / run.TEST).parent.mkdir(parents=True)
    (tmp_path / run.TEST).touch()
    monkeypatch.setattr(run, "test_clips", lambda _: [Clip(spoken("yes")[:16_000], 2)] * 10)
    monkeypatch.setattr(run, "NOISES", ())
    monkeypatch.setattr("measure.command_figures.read", lambda _: stated)
    assert run.main(["--model", "ds-cnn", "--data-dir", str(tmp_path)]) == status


@pytest.mark.parametrize(
    ("asked", "lacking"),
    [
        (["--quick"], ["noise", "speech", "speech_commands"]),
        (["--noise-type", "white", "--snr", "-5"], ["speech_commands"]),
        (["--noise-type", "factory"], ["noise", "speech_commands"]),
        (["--noise-type", "babble", "--full"], ["speech", "speech_commands"]),
    ],
)
def test_for_each_part_of_the_data_that_is_not_there_a_line_says_where_to_have_it_from(
    asked: list[str], lacking: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.main([*asked, "--data-dir", str(tmp_path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(str(tmp_path) + "/")[1].split("/")[0] for line in lines] == lacking
    assert all("--data-dir" in line for line in lines)


def test_the_streams_can_be_measured_without_the_clips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. Without the speech it says so. 2. With all there, no clip is read, and the result is written."""
    written: list[Path] = []
    monkeypatch.setattr("bench.commands12.report.write", written.append)
    monkeypatch.setattr(run, "measured", lambda *_: pytest.fail("clips are measured"))
    assert run.main(["--streams", "--data-dir", str(tmp_path)]) == 1
    assert "speech/manifest.tsv is not there" in capsys.readouterr().err
    for part in (run.TEST, run.SPEECH, run.SPEECH.with_name("teacher_labels.tsv")):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).touch()
    assert run.main(["--streams", "--data-dir", str(tmp_path)]) == 0
    assert written == [tmp_path]


def test_the_streams_of_one_model_are_of_that_one_and_the_result_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. `--streams --model nc-ssm-5k`. Result: it alone is measured and printed; the page of both is not written."""
    for part in (run.TEST, run.SPEECH, run.SPEECH.with_name("teacher_labels.tsv")):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).touch()
    sounds = dict.fromkeys(("words", "others", "dev", "apart"), short_stream())
    monkeypatch.setattr("bench.commands12.report.streams", lambda _: sounds)
    monkeypatch.setattr("bench.commands12.report.RESULT", tmp_path / "page.md")
    monkeypatch.setattr("bench.commands12.hearing.WORK", tmp_path)
    assert run.main(["--streams", "--model", "nc-ssm-5k", "--data-dir", str(tmp_path)]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("| ds-cnn", "| nc-ssm"))]
    assert rows[0].startswith("| nc-ssm | nc-ssm-5k | 2 |")
    assert {row.split(" | ")[0] for row in rows} == {"| nc-ssm"}
    assert not (tmp_path / "page.md").exists()


@pytest.mark.parametrize("other", [["--noise-type", "white"], ["--snr", "0"], ["--state"]])
def test_streams_refuse_what_they_would_not_heed(other: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run.main(["--streams", *other])
    assert "of the grid" in capsys.readouterr().err


@pytest.mark.parametrize("left", ["", '{"outcome": {"false"', "[]", "{}", "null", '{"outcome": 1, "latency_ms": 2}'])
def test_what_a_killed_run_left_half_written_is_measured_again(
    left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1. A stream is measured. 2. Its file holds half of it. 3. Measured again. Result: as before, and kept whole."""
    monkeypatch.setattr("bench.commands12.hearing.WORK", tmp_path)
    model, stream = find_model("nc-ssm"), short_stream()
    first = hearing.heard(model, "words", stream)
    (file,) = (tmp_path / "commands12").iterdir()
    whole = file.read_text(encoding="utf-8")
    file.write_text(left, encoding="utf-8")
    assert hearing.heard(model, "words", stream) == first
    assert list((tmp_path / "commands12").iterdir()) == [file]
    assert file.read_text(encoding="utf-8") == whole


def short_stream() -> Stream:
    """Two commands."""
    sound = with_gaps("yes", "off")
    pieces = (Piece(0.5, 1.5, frozenset({"yes"})), Piece(2.5, 3.5, frozenset({"off"})))
    return Stream((lambda: sound,), pieces)


@pytest.mark.parametrize("engine", ["ds-cnn", "nc-ssm"])
def test_what_a_daemon_with_one_engine_takes_is_seen_from_outside(engine: str) -> None:
    """1. `--fallback only` hears a word on a pipe. Result: its memory is within what is allowed."""
    only = {"KWSD_FALLBACK_MODE": "only", "KWSD_FALLBACK_ENGINE": engine}
    peak_mb, ready_s = costs.started(only, with_gaps("yes", "off"))
    assert 20 < peak_mb < (57 if engine == "ds-cnn" else 90)
    assert 0 < ready_s < 30


def test_noise_that_is_not_there_is_told_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / run.TEST).parent.mkdir(parents=True)
    (tmp_path / run.TEST).touch()
    assert run.main(["--noise-type", "street", "--data-dir", str(tmp_path)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(run.NOISE) in line


def test_the_babble_of_the_grid_has_other_talkers_every_five_seconds_at_one_level(tmp_path: Path) -> None:
    """Ten recordings of 2 s, each louder than the one before: a voice over the whole minute would rise and fall."""
    (tmp_path / "speech").mkdir()
    lines = ["path\tsplit\ttranscript"]
    for number in range(10):
        time = np.arange(2 * RATE) / RATE
        sound = 2.0 ** (number - 10) * np.sin(2 * np.pi * (300 + 100 * number) * time)
        soundfile.write(tmp_path / "speech" / f"{number}.wav", sound, RATE)
        lines.append(f"{number}.wav\tdev\tHELLO")
    (tmp_path / "speech" / "manifest.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    stretches = noise(tmp_path, "babble").reshape(-1, int(BABBLE_S * RATE))
    assert len(stretches) == 12
    assert stretches.std(axis=1) == pytest.approx(0.1, rel=1e-3)
