"""model.toml: read, believed where the user says nothing, shown, and held against the files."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kwsd.acoustic.model import Model
from kwsd.config import load_settings
from kwsd.errors import ModelError
from kwsd.keywords.keyword import Keyword
from kwsd.models import directory as directories
from kwsd.models.description import read_description
from kwsd.models.directory import DEFAULT_MODEL, find_model_directory, packaged_models
from kwsd.models.download import checksum
from kwsd.search.settings import SearchSettings
from kwsd.spotters.library import SampleSpotter
from testkit.commands import KWSCTL, KWSD, Completed, run
from testkit.tiny_model import speak

TOML = """\
name = "tiny-en"
version = "1.2"
about = "English, tones"
licence = "Apache-2.0"
training_data = ["tones (CC0): 1 h, 2 speakers"]

[search]
threshold = 0.25
boost = 0.5
beam = 4
"""


@pytest.fixture
def described(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """The tiny model with a model.toml."""
    directory = shutil.copytree(tiny_model_dir, tmp_path / "models" / "tiny")
    (directory / "model.toml").write_text(TOML)
    return directory


def test_a_directory_without_one_is_called_by_its_own_name(tiny_model_dir: Path) -> None:
    description = read_description(tiny_model_dir)
    assert (description.name, description.search.chosen()) == (tiny_model_dir.name, {})


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("name = ", "cannot be used (Invalid value"),
        ("[search]\nthreshold = 1.5", "search.threshold: 1.5 is not above 0 and at most 1"),
        ("[search]\ntreshold = 0.5", "search.treshold: 0.5 is unknown"),
        ('name = "x"\nsha256 = 3', "sha256"),
    ],
)
def test_a_broken_one_is_refused_by_file_and_key(described: Path, toml: str, message: str) -> None:
    (described / "model.toml").write_text(toml)
    with pytest.raises(ModelError) as caught:
        Model(described)
    assert str(described / "model.toml") in str(caught.value)
    assert message in str(caught.value)


def test_the_model_counts_where_the_user_says_nothing(described: Path, tmp_path: Path) -> None:
    """1. Flag over file over model over the engine's default. 2. The origin of each is known."""
    config = tmp_path / "kwsd.toml"
    config.write_text("[search]\nboost = 2.0\n")
    loaded = load_settings({"model": str(described), "search.threshold": 0.75}, file=config, environ={})
    search = loaded.settings.search
    assert (search.threshold, search.boost, search.beam) == (0.75, 2.0, 4)
    assert search.beam_delta == SearchSettings().beam_delta
    assert loaded.origins["search.beam"] == "model tiny-en"
    assert loaded.origins["search.boost"] == str(config)


def test_a_setting_that_equals_the_engines_default_is_a_setting(described: Path, tmp_path: Path) -> None:
    config = tmp_path / "kwsd.toml"
    config.write_text(f"[search]\nthreshold = {SearchSettings().threshold}\n")
    loaded = load_settings({"model": str(described)}, file=config, environ={})
    assert loaded.settings.search.threshold == SearchSettings().threshold


@pytest.mark.parametrize(
    ("chosen", "running"), [({}, 0.7), ({"search.threshold": 0.3}, 0.0), ({"search.running_threshold": 0.5}, 0.5)]
)
def test_a_threshold_of_the_users_holds_among_other_words_too(
    described: Path, chosen: dict[str, float], running: float
) -> None:
    """`--threshold 0.3` with a model that asks for 0.7 among other words: 0.3 it is, everywhere."""
    (described / "model.toml").write_text("[search]\nthreshold = 0.4\nrunning_threshold = 0.7\n")
    search = load_settings({"model": str(described), **chosen}, file=None, environ={}).settings.search
    assert search.running_threshold == running


def test_keywords_come_before_all(described: Path) -> None:
    keywords = [Keyword("light"), Keyword("turn", threshold=0.9)]
    spotter = SampleSpotter(Model(described), keywords)
    hits = [*spotter.accept(speak("TURN LIGHT", lead_s=0.5)), *spotter.finish()]
    assert {hit.phrase: hit.threshold for hit in hits} == {"turn": 0.9, "light": 0.25}


def test_print_config_names_the_model(described: Path, tmp_path: Path) -> None:
    done = run(KWSD, "--model", described, "--boost", "3", "--print-config", home=tmp_path)
    section = done.stdout.partition("[search]")[2].partition("\n[")[0]
    lines = {line.split(" = ")[0]: line for line in section.splitlines() if " = " in line}
    assert lines["threshold"].split() == ["threshold", "=", "0.25", "#", "model", "tiny-en"]
    assert lines["boost"].endswith("# --boost")


@pytest.fixture
def kwsctl(tmp_path: Path) -> Callable[..., Completed]:
    return lambda *arguments: run(KWSCTL, *arguments, home=tmp_path)


def test_changed_files_are_found_by_verify_and_check(described: Path, kwsctl: Callable[..., Completed]) -> None:
    """1. The right checksum: well. 2. A changed file: named, 78, by both. 3. Listening itself does not look."""
    with (described / "model.toml").open("a") as file:
        file.write(f'\n[sha256]\n"tokens.txt" = "{checksum(described / "tokens.txt")}"\n')
    assert "tiny-en is well" in kwsctl("models", "verify", described).stdout
    (described / "tokens.txt").write_bytes((described / "tokens.txt").read_bytes() + b"\n")
    for command in (("models", "verify", described), ("check", "--model", described)):
        done = kwsctl(*command)
        assert done.returncode == 78
        assert f"{described / 'tokens.txt'}: has another checksum than it should" in done.stderr


def test_the_default_model_is_the_one_that_comes_with_kwsd(
    described: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directories, "PACKAGED_MODELS", (tmp_path / "none", tmp_path / "models"))
    monkeypatch.setattr(directories, "model_homes", lambda: (tmp_path / "pulled",))
    described.rename(tmp_path / "models" / DEFAULT_MODEL)
    assert packaged_models() == (tmp_path / "models" / DEFAULT_MODEL,)
    assert find_model_directory(load_settings({}, environ={}).settings.model) == tmp_path / "models" / DEFAULT_MODEL
    newer = tmp_path / "pulled" / DEFAULT_MODEL
    newer.mkdir(parents=True)
    assert find_model_directory(DEFAULT_MODEL) == newer, "one that was pulled comes first"


def test_a_default_model_that_is_not_there_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directories, "PACKAGED_MODELS", (tmp_path,))
    monkeypatch.setattr(directories, "model_homes", lambda: (tmp_path,))
    (tmp_path / "commands12").mkdir()
    with pytest.raises(ModelError, match=r"model kwsd-en should have come with kwsd .* kwsctl models pull gigaspeech"):
        find_model_directory(DEFAULT_MODEL)
