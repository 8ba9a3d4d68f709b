"""What only some need is an extra: without any, every command works or says which one to install."""

import argparse
import re
import shutil
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from kwsd.cli.exit_codes import require_extra
from kwsd.cli.programs import make_parsers
from kwsd.errors import WRONG_CONFIGURATION, WRONG_USAGE, ConfigError
from testkit.commands import run
from testkit.packages import build_wheel, plain_environment

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
INSTALL = re.compile(r"pip install 'kwsd\[([a-z,]+)\]'")
SENTENCES = "intents: {Light: {data: [{sentences: [turn on the light]}]}}\n"
DRIVER = """
import importlib, os, shlex, sys
os._exit = sys.exit
for command in sys.argv[1:]:
    program, *words = shlex.split(command)
    main = importlib.import_module("kwsd.cli." + program.replace("-", "_")).main
    print("##", command, file=sys.stderr, flush=True)
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    print("##", code, file=sys.stderr, flush=True)
"""
"""Runs many commands in one process, which imports the libraries once."""
NEEDING = {
    "kwsctl classify demo.wav --plot x.png": "tune",
    "kwsctl enrol word": "tune",
    "kwsctl metrics": "metrics",
    "kwsctl models optimise kwsd-en": "convert",
    "kwsctl models repair kwsd-en mended": "convert",
    "kwsctl transcribe demo.wav --pipeline .": "asr",
    "kwsctl tune demo.wav": "tune",
    "kwsd --keywords k.txt --sentences s.yaml --input demo.wav": "sentences",
    "kwsd-archive index demo.wav --store s": "archive",
    "kwsd-archive scan demo.wav --keywords k.txt": "archive",
    "kwsd-archive search --store s --keywords k.txt": "archive",
    "kwsd-mqtt": "mqtt",
    "kwsd-web": "web",
    "kwsd-wyoming --keywords k.txt": "wyoming",
}
"""Command → the extra that it names where that is missing."""
PLAIN = (
    "kwsctl check --keywords k.txt",
    "kwsctl classify demo.wav",
    "kwsctl clip 1",
    "kwsctl completions bash",
    "kwsctl doctor",
    "kwsctl install-service --root image --no-start",
    "kwsctl keywords",
    "kwsctl listen",
    "kwsctl manual kwsd",
    "kwsctl migrate --state state",
    "kwsctl models list",
    "kwsctl models pull nothing",
    "kwsctl models verify kwsd-en",
    "kwsctl mute",
    "kwsctl reload",
    "kwsctl remove-service --root image",
    "kwsctl review . --list",
    "kwsctl status",
    "kwsctl trace",
    "kwsctl transcribe demo.wav --model kwsd-en",
    "kwsctl unmute",
    "kwsctl why",
)
"""Commands that do what they can without an extra."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of an environment as `pip install kwsd` makes it."""
    return plain_environment(tmp_path_factory.mktemp("plain"), build_wheel(tmp_path_factory.mktemp("wheel")))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "models" / "demo.wav", tmp_path)
    (tmp_path / "k.txt").write_text("play some music\n")
    (tmp_path / "s.yaml").write_text(SENTENCES)
    return tmp_path


def commands(parser: argparse.ArgumentParser, name: str) -> Iterator[str]:
    """A program, or each of its commands."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not below:
        yield name
    for action in below:
        for word, each in action.choices.items():
            yield from commands(each, f"{name} {word}")


def test_every_command_is_tried() -> None:
    """And every extra is one that some command names."""
    known = {command for name, parser in make_parsers().items() for command in commands(parser, name)}
    tried = (*NEEDING, *PLAIN)
    assert {name for name in known if not any(f"{each} ".startswith(f"{name} ") for each in tried)} == set()
    assert set(NEEDING.values()) == set(EXTRAS) - {"train"}  # its commands are no programs: tests/training/test_entry


def ends(plain: Path, place: Path, commands_: Iterable[str]) -> Iterator[tuple[str, str, int]]:
    """Each command, what it said and its exit code."""
    done = run(plain / "python", "-c", DRIVER, *commands_, home=place)
    assert done.returncode == 0, done.stderr
    found = re.findall(r"^## (.+)\n((?:(?!##).*\n)*)## (\d+)$", done.stderr, re.MULTILINE)
    assert [command for command, _, _ in found] == list(commands_), done.stderr
    yield from ((command, said, int(code)) for command, said, code in found)


def test_without_its_extra_a_command_says_which(plain: Path, place: Path) -> None:
    for command, said, code in ends(plain, place, NEEDING):
        assert code in {WRONG_USAGE, WRONG_CONFIGURATION}, (command, code)  # units do not restart on it
        assert INSTALL.findall(said) == [NEEDING[command]], (command, said)
        assert len(said.splitlines()) == 1, (command, said)


def test_all_that_is_missing_is_listed() -> None:
    with pytest.raises(ConfigError, match=r"^not_one is not installed; it comes with: pip install 'kwsd.archive.'$"):
        require_extra("archive", ["json", "not_one"])
    with pytest.raises(ConfigError, match=r"^not_one, nor_two and nor_three are not installed; they come with: "):
        require_extra("archive", ["not_one", "json", "nor_two", "nor_three"])


def test_what_needs_no_extra_does_without(plain: Path, place: Path) -> None:
    for command, said, code in ends(plain, place, PLAIN):
        assert code in {0, 1, 78}, (command, said)
        assert "internal error" not in said, (command, said)
        assert not INSTALL.search(said), (command, said)


def test_the_page_names_every_extra() -> None:
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "install.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(table) == sorted(EXTRAS)
