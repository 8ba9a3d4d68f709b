"""Settings: who wins, what a mistake is told, and that what is printed can be read again."""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.config import LoadedSettings, load_settings
from kwsd.config.load import keys, variable
from kwsd.config.show import to_toml
from kwsd.errors import ConfigError, FlagError


def load(directory: Path, toml: str = "", flags: Mapping[str, Any] | None = None, **environ: str) -> LoadedSettings:
    file = directory / "kwsd.toml"
    file.write_text(toml, encoding="utf-8")
    return load_settings(flags or {}, file=file, environ=environ)


def test_flags_win_over_environment_over_toml(tmp_path: Path) -> None:
    toml = "[search]\nthreshold = 0.5\nboost = 1.5\nbeam = 4"
    loaded = load(tmp_path, toml, {"search.threshold": 0.7}, KWSD_SEARCH_THRESHOLD="0.6", KWSD_SEARCH_BOOST="2")
    search = loaded.settings.search
    assert (search.threshold, search.boost, search.beam) == (0.7, 2.0, 4)
    assert loaded.origins["search.threshold"] == "--threshold"
    assert loaded.origins["search.boost"] == "KWSD_SEARCH_BOOST"
    assert loaded.origins["search.beam"] == str(tmp_path / "kwsd.toml")


def test_flags_that_were_not_given_leave_the_rest_alone(tmp_path: Path) -> None:
    assert load(tmp_path, 'model = "mine"', {"model": None}).settings.model == "mine"


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    assert load(tmp_path, 'keywords = "home.txt"').settings.keywords == tmp_path / "home.txt"
    assert load(tmp_path, 'keywords = "/etc/home.txt"').settings.keywords == Path("/etc/home.txt")
    assert load(tmp_path, KWSD_KEYWORDS="home.txt").settings.keywords == Path("home.txt")
    assert load(tmp_path, KWSD_KEYWORDS="~/home.txt").settings.keywords == Path.home() / "home.txt"


@pytest.mark.parametrize("named", ["commands_small.txt", "keywords/demo.txt"])
def test_a_list_that_comes_with_kwsd_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """1. By flag, by variable, in a file elsewhere. 2. One's own file of that name is there. Result: one's own then."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    ways: tuple[dict[str, Any], ...] = ({"flags": {"keywords": named}}, {"KWSD_KEYWORDS": named})
    for way in (*ways, {"toml": f'keywords = "{named}"'}):
        found = load(tmp_path, **way).settings.keywords
        assert found is not None
        assert found.is_absolute()
        assert found.read_text()
    own = tmp_path / named
    own.parent.mkdir(exist_ok=True)
    own.write_text("lights on\n")
    assert load(tmp_path, f'keywords = "{named}"').settings.keywords == own
    assert load(tmp_path, f'keywords = "{tmp_path}/elsewhere/{named}"').settings.keywords != own


def test_the_file_that_was_read_is_named_whatever_paths_stand_in_it(tmp_path: Path) -> None:
    assert load(tmp_path, 'keywords = "home.txt"').file == tmp_path / "kwsd.toml"


def test_one_input_needs_no_list(tmp_path: Path) -> None:
    assert load(tmp_path, 'input = "a.wav"').settings.input == ("a.wav",)
    assert load(tmp_path, 'input = ["a.wav"]').settings.input == ("a.wav",)
    assert load(tmp_path, KWSD_INPUT="a.wav").settings.input == ("a.wav",)


def test_a_choice_of_numbers_is_a_number_wherever_it_comes_from(tmp_path: Path) -> None:
    for way in ({"toml": "chunk_ms = 160"}, {"flags": {"chunk_ms": 160}}, {"KWSD_CHUNK_MS": "160"}):
        assert load(tmp_path, **way).settings.chunk_ms == 160
    for wrong, message in (("100", "is not one of 320, 160"), ('"x"', "is not a whole number")):
        with pytest.raises(ConfigError, match=message):
            load(tmp_path, f"chunk_ms = {wrong}")


def test_commas_separate_inputs_in_the_environment(tmp_path: Path) -> None:
    assert load(tmp_path, KWSD_INPUT="a.wav, b.wav").settings.input == ("a.wav", "b.wav")


def test_variables_of_scripts_and_hooks_are_not_settings(tmp_path: Path) -> None:
    origins = load(tmp_path, KWSD_KEYWORD="lights on", KWSD_PYTHON="python3.12").origins
    assert all(origin.startswith("model ") for origin in origins.values())  # what kwsd-en brings


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert load(tmp_path, '\ufeffmodel = "mine"').settings.model == "mine"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[search]\ntreshold = 0.4", "search.treshold is not a setting; did you mean search.threshold?"),
        ("threshold = 0.4", "threshold is not a setting; did you mean search.threshold?"),
        ("colour = 3", "colour is not a setting; `kwsd --print-config` shows all settings"),
        ("[search]\nthreshold = 1.4", "search.threshold: 1.4 is not above 0 and at most 1"),
        ("[search]\nthreshold = nan", "search.threshold: nan is not above 0 and at most 1"),
        ('[search]\nbeam = "wide"', "search.beam: 'wide' is not a whole number"),
        ("search = 3", "search is a section; write [search]"),
        ("[model]", "model is a plain setting"),
        ("model = 3", "model: 3 is not text, which stands in quotes"),
        ("input = []", "input: [] is empty"),
        ("model =", "is not TOML: Invalid value (at end of document)"),
    ],
)
def test_a_mistake_in_the_file_names_file_key_and_remedy(tmp_path: Path, toml: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml)
    assert str(caught.value).startswith(f"{tmp_path / 'kwsd.toml'}: {message}")
    assert caught.value.exit_code == 78


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "modle = 1\n[search]\nboost = -1")
    assert len(str(caught.value).splitlines()) == 2


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^KWSD_SEARCH_BOOST: search.boost: 'much' is not a number"):
        load(tmp_path, KWSD_SEARCH_BOOST="much")


def test_a_wrong_flag_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(FlagError, match=r"^--threshold: 1.4 is not above 0 and at most 1"):
        load(tmp_path, flags={"search.threshold": 1.4})


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read: No such file"):
        load_settings({}, file=tmp_path / "none.toml", environ={})
    with pytest.raises(ConfigError, match=r"none.toml: cannot be read: No such file"):
        load_settings({}, environ={"KWSD_CONFIG": str(tmp_path / "none.toml")})


def test_the_users_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "kwsd").mkdir()
    (tmp_path / "kwsd/config.toml").write_text('model = "mine"')
    assert load_settings({}, environ={}).settings.model == "mine"


def test_a_folder_that_may_not_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~/.config` left to root by a sudo: not knowing whether there are settings is not the same as having none."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def refuse(_: Path, *__: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", refuse)
    monkeypatch.setattr("kwsd.config.load.read_small", refuse)
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/kwsd/config.toml: cannot be read: Permission denied"):
        load_settings({}, environ={})


def test_a_user_without_a_home_has_no_settings_of_his_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_: str) -> str:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.setattr("platformdirs.user_config_dir", nowhere)
    monkeypatch.setattr("kwsd.config.load.SYSTEM_FILE", Path("/nonexistent"))
    assert load_settings({}, environ={}).file is None


@pytest.mark.parametrize("toml", ["boost = " + "9" * 5000, "x = " + "[" * 3000 + "]" * 3000, "'a b' = 1", "[serch]"])
def test_whatever_is_absurd_is_told_in_a_line(tmp_path: Path, toml: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml)
    assert len(str(caught.value)) < 400


def test_what_is_printed_means_the_same_wherever_it_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1. Flags name list, model and recording as seen from one directory; 2. what is printed is saved in another."""
    (tmp_path / "my model").mkdir()
    (tmp_path / "again").mkdir()
    monkeypatch.chdir(tmp_path)
    flags = {"device": 'the "usb" mic\n', "input": ("ä.wav", "-", "mic"), "keywords": "k.txt", "model": "my model"}
    loaded = load(tmp_path, flags={**flags, "search.threshold": 0.25, "daemon.save_detections": "clips"})
    assert load(tmp_path / "again", to_toml(loaded)).settings == replace(
        loaded.settings,
        keywords=tmp_path / "k.txt",
        model=str(tmp_path / "my model"),
        input=(str(tmp_path / "ä.wav"), "-", "mic"),
        daemon=replace(loaded.settings.daemon, save_detections=tmp_path / "clips"),
    )
    assert "threshold = 0.25" in to_toml(loaded)
    assert "# --threshold" in to_toml(loaded)


def test_every_setting_has_one_variable() -> None:
    names = [variable(key) for key, _ in keys()]
    assert len(set(names)) == len(names)
    assert "KWSD_SEARCH_THRESHOLD" in names


values = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.text(max_size=5), st.lists(st.text(max_size=3), max_size=2)
)
known_keys = st.sampled_from([key for key, _ in keys()])


@given(st.dictionaries(st.one_of(known_keys, st.text("abc_", min_size=1, max_size=6)), values, max_size=4))
def test_any_flags_load_or_are_explained(flags: dict[str, Any]) -> None:
    with suppress(ConfigError):
        load_settings(flags, environ={}, file=Path("/dev/null"))


@given(
    st.one_of(
        st.text(), st.lists(st.sampled_from(["[search]", "[", "model", "=", '"', "\n", "3", "boost", "."])).map("".join)
    )
)
def test_any_text_loads_or_is_explained(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.toml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        loaded = load_settings({}, file=file, environ={})
    except ConfigError as error:
        message = str(error)
    else:
        message = to_toml(loaded)
        tomllib.loads(message)
    assert str(file) in message
