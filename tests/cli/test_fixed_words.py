"""`kwsd --fallback …` as a process."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from testkit.commands import KWSD, Completed, run
from testkit.spoken import with_gaps
from testkit.tiny_model import silence, speak


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with yes.wav, which says yes and off, and keywords."""
    soundfile.write(tmp_path / "yes.wav", with_gaps("yes", "off"), 16_000)
    (tmp_path / "keywords.txt").write_text("lights on\nyes #0.3 @agree\n")
    (tmp_path / "lamps.txt").write_text("lights on\n")
    return tmp_path


def kwsd(home: Path, *arguments: object) -> Completed:
    return run(KWSD, "--json", "--input", "yes.wav", *arguments, home=home)


def words(done: Completed) -> list[tuple[str, str]]:
    records = map(json.loads, done.stdout.splitlines())
    return [(record["keyword"], record["engine"]) for record in records]


def test_only_needs_neither_model_nor_keywords(home: Path) -> None:
    done = kwsd(home, "--fallback", "only", "--model", "nowhere")
    assert (done.returncode, done.stderr) == (0, "")
    assert words(done) == [("yes", "ds-cnn"), ("off", "ds-cnn")]


def test_only_takes_names_and_thresholds_and_names_what_it_cannot_hear(home: Path) -> None:
    done = kwsd(home, "--fallback", "only", "--keywords", "keywords.txt")
    assert done.returncode == 0
    assert "keywords.txt:1:" in done.stderr
    assert '"lights on" is none of the fixed commands' in done.stderr
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["keyword"], first["phrase"], first["threshold"]) == ("agree", "yes", 0.3)


def test_only_with_nothing_it_can_hear_is_a_wrong_configuration(home: Path) -> None:
    done = kwsd(home, "--fallback", "only", "--keywords", "lamps.txt")
    assert done.returncode == 78
    assert done.stderr.count("yes, no, up, down") == 1
    assert "Traceback" not in done.stderr


def test_auto_stands_in_for_a_model_that_is_missing(home: Path) -> None:
    done = kwsd(home, "--fallback", "auto", "--model", "nowhere", "--keywords", "lamps.txt")
    assert done.returncode == 0
    assert "nowhere" in done.stderr
    assert "only the fixed commands are heard" in done.stderr
    assert [word for word, _ in words(done)] == ["yes", "off"]


def test_alongside_hears_both(home: Path, tiny_model_dir: Path) -> None:
    sound = np.concatenate((speak("LIGHTS ON", lead_s=0.5), silence(2.0), with_gaps("yes", "off")))
    soundfile.write(home / "yes.wav", sound, 16_000)
    done = kwsd(home, "--fallback", "alongside", "--model", tiny_model_dir, "--keywords", "lamps.txt")
    assert done.returncode == 0, done.stderr
    assert ("lights on", "zipformer") in words(done)
    assert [word for word, engine in words(done) if engine == "ds-cnn"] == ["yes", "off"]


def test_the_engine_is_a_setting(home: Path) -> None:
    (home / "own.toml").write_text('[fallback]\nmode = "only"\nengine = "nc-ssm"\nthreshold = 0.35\nwords = ["yes"]\n')
    assert words(kwsd(home, "--config", "own.toml")) == [("yes", "nc-ssm")]


@pytest.mark.parametrize(
    ("toml", "names"),
    [('words = ["lamp"]', "fallback.words: lamp"), ("hop_s = 3", "hop_s"), ('engine = "gpu"', "engine")],
)
def test_a_wrong_setting_is_named(home: Path, toml: str, names: str) -> None:
    (home / "own.toml").write_text(f'[fallback]\nmode = "only"\n{toml}\n')
    done = kwsd(home, "--config", "own.toml")
    assert done.returncode == 78
    assert names in done.stderr
