"""A command line of the user's means the same wherever one is given, and what cannot be run is named with a remedy."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from kwsd.bridges.wyoming.player import Player
from kwsd.command_lines import command_line
from kwsd.errors import ConfigError
from kwsd.outlets.exec import ExecOutlet
from kwsd.transcripts.command import CommandTranscriber

PLACES: dict[str, Callable[[str], object]] = {
    "exec": lambda command: ExecOutlet(command, limit=1, timeout_s=1.0, recent={}),
    "command": lambda command: CommandTranscriber(command, 1.0),
    "play": Player,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (" ", "there is nothing to run; give .*, or leave {place} out"),
        ("no-such-program -q", "no-such-program -q: no such program; give "),
        ("/no/such/program", "no such program; give "),
        ("/etc/passwd", r"may not be run; chmod \+x /etc/passwd"),
        ("/etc", "is a directory; give the program in it"),
        ("cat 'open", "No closing quotation; quote "),
        ("cat > heard.wav", "no shell runs it, so > would be an argument of cat; write sh -c 'cat > heard.wav'"),
        ("cat ~/heard.wav", "so ~/heard.wav would be an argument"),
        ("cat $HOME/heard.wav", r"so \$HOME/heard.wav would be an argument"),
    ],
)
def test_what_cannot_be_run_is_named_with_what_to_do(place: str, command: str, told: str) -> None:
    with pytest.raises(ConfigError, match=f"^{place}: .*" + told.format(place=place)):
        PLACES[place](command)


def test_what_a_shell_reads_is_left_to_it(place: str) -> None:
    PLACES[place]("sh -c 'cat ~/in | tee $HOME/out'")


def test_a_program_at_home_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A configuration is no shell, and `~/bin/hook` is what a person writes there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hook").write_text("#!/bin/sh\n")
    (tmp_path / "hook").chmod(0o755)
    PLACES[place]("~/hook --fast")
    assert command_line("exec", "~/hook --fast") == [str(tmp_path / "hook"), "--fast"]


def test_a_program_beside_is_not_looked_for_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat").write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=r"chmod \+x ./cat"):
        command_line("exec", "./cat")
    (tmp_path / "cat").chmod(0o755)
    assert command_line("exec", "./cat") == ["./cat"]


def test_arguments_keep_what_was_quoted() -> None:
    assert command_line("exec", shlex.join(["echo", "a b", "$5"])) == ["echo", "a b", "$5"]
