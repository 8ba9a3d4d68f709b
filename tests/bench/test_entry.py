"""What a stranger meets who types `python -m bench` in a fresh checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as entry
from bench.__main__ import PROGRAMS
from bench.engine.run import main as measure_engine

ROOT = Path(__file__).parents[2]


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it in `folder`, with no shared data anywhere near."""
    environment = {**os.environ, "KWSD_SHARED": str(folder / "nothing")}
    environment.pop("PYTHONPATH", None)
    command = [sys.executable, "-P", "-m", "bench", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_it_says_what_can_be_measured_and_what_is_missing() -> None:
    done = bench(ROOT)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in PROGRAMS)
    assert "set KWSD_SHARED to the folder" in done.stdout
    told = [line.partition(": ")[2] for line in done.stdout.splitlines() if " is not there: " in line]
    assert told, "nothing is missing, though there is no shared data"
    assert len(told) == len(set(told)), "a missing thing has one line, however many programs want it"


@pytest.mark.parametrize("name", ["engine", "daemon", "commands12", "bridges"])
def test_a_line_for_each_missing_thing_and_no_traceback(name: str) -> None:
    done = bench(ROOT, name)
    assert done.returncode == 1
    assert all(line.startswith(f"bench {name}: ") for line in done.stderr.splitlines())
    assert "KWSD_SHARED" in done.stderr


def test_an_unknown_program_is_told_the_known_ones() -> None:
    done = bench(ROOT, "everything")
    assert (done.returncode, done.stderr) == (2, f"bench: there is no everything; there are {', '.join(PROGRAMS)}\n")


def test_what_cannot_be_imported_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "find_spec", lambda _: None)
    lines = entry.PROGRAMS["soak"].missing()
    assert lines[0] == "measure is not installed: run it in a whole checkout of kwsd"
    assert "psutil is not installed: run `scripts/environment test lint bench`" in lines


def test_the_demo_runs_on_what_is_in_the_repository() -> None:
    done = bench(ROOT, "demo")
    assert done.returncode == 0, done.stderr
    assert "heard besides: 0" in done.stdout


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_can_be_asked_how(name: str) -> None:
    if PROGRAMS[name].missing():
        pytest.skip("; ".join(PROGRAMS[name].missing()))
    done = subprocess.run(
        [sys.executable, "-m", "bench", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"python -m bench {name}" in done.stdout


def test_sections_may_be_given_in_one_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Both ways: `start,stages` as a word of its own or behind --section; the one that there is not is named alone."""
    for given in (["start,nonsense"], ["--section", "start,nonsense", "--section", "stages"]):
        with pytest.raises(SystemExit):
            measure_engine(given)
        assert "no such section: nonsense; there are" in capsys.readouterr().err
