"""What is imported by commands that should answer at once, and by what hears all day; all else costs for nothing."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from kwsd.cli.kwsctl import COMMANDS, make_parser
from testkit.commands import run

ROOT = Path(__file__).parents[2]
SLOW = {"asyncio.events", "decimal", "difflib", "email", "http", "multiprocessing", "statistics", "tomllib"}
SLOW |= {"importlib.resources", "kwsd.sentences.compile", "unittest", "urllib.request", "xml"}
"""Of the standard library, and of kwsd what few have a use for: it takes time or memory."""


def imported(program: str, *arguments: object, home: Path, stdin: bytes = b"") -> tuple[set[str], set[str], set[str]]:
    """Rooms of kwsd, third-party packages, and what is slow."""
    code = f"import sys; from kwsd.cli.{program} import main; sys.exit(main())"
    done = run(sys.executable, "-X", "importtime", "-c", code, *arguments, home=home, stdin=stdin)
    names = re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE)
    own = {name.split(".")[1] for name in names if name.startswith("kwsd.")}
    rooms = {name for name in own if (ROOT / "kwsd" / name).is_dir()}
    tops = {name.partition(".")[0] for name in names}
    foreign = tops - sys.stdlib_module_names - {"kwsd"}
    third = {
        name for name in foreign if name[0] != "_" and find_spec(name)
    }  # some are only tried for, such as Jython's
    return rooms, third, set(names) & SLOW


def test_help_and_status_import_little(tmp_path: Path) -> None:
    """0.05 CPU seconds of 0.1 are theirs; NumPy alone would add 0.1, the other commands 0.1."""
    assert imported("kwsd", "--help", home=tmp_path) == ({"cli", "outlets"}, set(), set())
    asked = imported("kwsctl", "status", "--socket", tmp_path / "none", home=tmp_path)
    assert asked == ({"cli", "outlets", "protocol"}, set(), set())


@pytest.mark.parametrize("socket", [False, True])
def test_what_hears_imports_what_it_runs(tmp_path: Path, socket: bool) -> None:
    """With the model that ships, on a pipe at 16 kHz."""
    command = ["--keywords", ROOT / "keywords" / "demo.txt", "--input", "-"]
    command += ["--socket", tmp_path / "kwsd.sock"] if socket else []
    rooms, third, slow = imported("kwsd", *command, home=tmp_path, stdin=bytes(64_000))
    assert third == {"numpy", "onnxruntime", "platformdirs"}
    assert slow == ({"asyncio.events", "tomllib"} if socket else {"tomllib"})
    assert not rooms & {"archive", "bridges", "commands12", "tuning"}


def test_a_command_is_found_without_the_others() -> None:
    """One that is named is in the parser, alone with those of its file; one that is not brings all of them."""
    for commands in COMMANDS.values():
        for command in commands:
            (action,) = (each for each in make_parser(command)._actions if each.choices)
            assert set(action.choices or ()) == set(commands)
    (action,) = (each for each in make_parser("nonsense")._actions if each.choices)
    assert set(action.choices or ()) == {command for commands in COMMANDS.values() for command in commands}
