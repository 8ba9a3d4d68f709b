"""The package as a stranger's program sees it: what there is, its types, its errors, and what it warns of."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

import kwsd
from kwsd import Keyword, Model, SearchSettings, Spotter
from testkit.tiny_model import silence, speak

CACHE = Path(__file__).parents[2] / ".mypy_cache" / "users_program"
PROGRAM = """
import kwsd
import numpy as np

model = kwsd.Model.load("kwsd-en")
try:
    keywords: list[kwsd.Keyword] = kwsd.load_keywords("commands.txt", model, strict=True)
except kwsd.KeywordFileError as error:
    raise SystemExit(str(error))
spotter = kwsd.Spotter(model, keywords, kwsd.SearchSettings(boost=2.0))
for detection in spotter.accept(np.zeros(16_000, np.float32)):
    start: float = detection.start
    name: str = detection.keyword
"""


def test_dir_lists_what_there_is_and_every_error_has_a_base_in_it() -> None:
    assert set(kwsd.__all__) <= set(dir(kwsd))
    assert [name for name in dir(kwsd) if name not in kwsd.__all__ and not name.startswith("__")] == []
    assert all(getattr(kwsd, name) for name in kwsd.__all__)
    with pytest.raises(kwsd.ModelError):
        Model.load("no-such-model")


def test_import_brings_the_standard_library_alone_and_takes_60_ms() -> None:
    """Processor time over bare Python's, the least of five: a loaded machine takes longer, and does no more."""
    loaded = "import sys; before = set(sys.modules); import kwsd; print(*sorted(set(sys.modules) - before))"
    names = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout.split()
    others = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert others == {"kwsd"}
    assert not {"asyncio", "argparse", "logging", "pathlib"}.intersection(names)

    def seconds(program: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", program], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds("import kwsd") for _ in range(5)) - min(seconds("pass") for _ in range(5)) <= 0.060


def test_a_users_program_is_checked_with_our_types(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="needs mypy: scripts/environment lint")
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(CACHE), "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "Success" in done.stdout, done.stdout


def test_lines_left_out_are_warned_of_or_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    """1. Two of three lines of a file cannot be used. Result: a warning names both; strict, it is an error."""
    (tmp_path / "k.txt").write_text("lights on\nlights off :abc\nstop #9\n")
    model = Model.load(tiny_model_dir)
    with pytest.warns(UserWarning, match=r"k.txt:2.*\n.*k.txt:3"):
        assert [keyword.phrase for keyword in kwsd.load_keywords(tmp_path / "k.txt", model)] == ["lights on"]
    with pytest.warns(UserWarning, match=r"k.txt:2"):
        assert len(kwsd.load_keywords(str(tmp_path / "k.txt"), str(tiny_model_dir))) == 1
    with pytest.raises(kwsd.ModelError, match="nosuch"):
        kwsd.load_keywords(tmp_path / "k.txt", "nosuch")
    with pytest.raises(kwsd.KeywordFileError, match=r"k.txt:2"):
        kwsd.load_keywords(tmp_path / "k.txt", model, strict=True)


def test_a_spotter_begins_anew_and_one_setting_leaves_the_models_own(tiny_model_dir: Path) -> None:
    model = Model.load(tiny_model_dir)
    spotter = Spotter(model, [Keyword("LIGHTS ON")], SearchSettings(beam=8))
    first = [*spotter.accept(speak("LIGHTS ON")), *spotter.accept(silence(1.0))]
    spotter.reset()
    assert [*spotter.accept(speak("LIGHTS ON")), *spotter.accept(silence(1.0))] == first != []
    assert spotter.position_samples == len(speak("LIGHTS ON")) + 16_000


def test_a_spelling_that_cannot_be_used_is_warned_of(tiny_model_dir: Path) -> None:
    """A text may stand for a keyword; what of it will not be heard is told as a file's lines are."""
    with pytest.warns(UserWarning, match="keyword 2: spelling.*你好"):
        Spotter(Model.load(tiny_model_dir), ["TURN OFF", Keyword("LIGHT ON", spellings=("你好",))])
    with pytest.warns(UserWarning, match="keyword 1: .*#0.5"):
        Spotter(Model.load(tiny_model_dir), "LIGHT ON 0.5")
