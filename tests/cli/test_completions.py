"""Completions and man pages: made from the parsers, judged by the shells and by mandoc themselves."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kwsd.cli.ctl_completions import SHELLS, completions_of
from kwsd.cli.man_pages import man_page
from kwsd.cli.programs import make_parsers
from testkit.commands import KWSCTL, run

PROGRAMS = sorted(make_parsers())


def asked_of_bash(script: Path, *words: str) -> list[str]:
    """What bash offers behind these words, the last of which is being typed."""
    quoted = " ".join(f"'{word}'" for word in words)
    asking = f"""
    source {script}
    COMP_WORDS=({quoted}) COMP_CWORD={len(words) - 1} COMP_LINE="{" ".join(words)}"
    handler=$(complete -p {words[0]}); handler=${{handler##*-F }}; handler=${{handler%% *}}
    "$handler" {words[0]} '{words[-1]}' '{words[-2]}'
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    asked = subprocess.run(
        ["bash", "-euc", asking], capture_output=True, text=True, check=True, cwd=script.parent, timeout=20
    )
    return asked.stdout.split()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """For bash, of all programs."""
    path = tmp_path / "completions"
    printed = run(KWSCTL, "completions", "bash", home=tmp_path)
    assert printed.returncode == 0, printed.stderr
    path.write_text(printed.stdout)
    return path


def test_bash_completes_commands_flags_choices_and_files(script: Path) -> None:
    (script.parent / "phrases.txt").touch()
    assert {"check", "completions"} <= set(asked_of_bash(script, "kwsctl", "c"))
    assert asked_of_bash(script, "kwsctl", "models", "op") == ["optimise"]
    assert asked_of_bash(script, "kwsctl", "models", "pull", "--fr") == ["--from"]
    assert asked_of_bash(script, "kwsctl", "completions", "z") == ["zsh"]
    assert asked_of_bash(script, "kwsd", "--fallback", "on") == ["only"]
    assert asked_of_bash(script, "kwsd", "--keywords", "phr") == ["phrases.txt"]


def test_bash_knows_every_program(script: Path) -> None:
    for program in PROGRAMS:
        assert "--version" in asked_of_bash(script, program, "--ver")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_can_read_them(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    for program, parser in make_parsers().items():
        (tmp_path / program).write_text(completions_of(parser, shell))
        read = run(shell, "-n", program, home=tmp_path)
        assert (read.returncode, read.stderr) == (0, "")


def test_fish_completes_commands(tmp_path: Path) -> None:
    if shutil.which("fish") is None:
        pytest.skip("needs fish")
    (tmp_path / "script").write_text(run(KWSCTL, "completions", "fish", home=tmp_path).stdout)
    asked = run("fish", "-c", 'source script; complete -C "kwsctl models p"', home=tmp_path)
    assert asked.stdout.split("\t")[0] == "pull"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_man_page_names_every_flag_and_is_well_formed(program: str, tmp_path: Path) -> None:
    page = tmp_path / f"{program}.1"
    page.write_text(man_page(make_parsers()[program]))
    if shutil.which("mandoc"):
        judged = run("mandoc", "-T", "lint", "-W", "warning", page, home=tmp_path)
        assert (judged.returncode, judged.stdout) == (0, "")
    if shutil.which("man") is None:
        pytest.skip("needs man")
    shown = run("man", "-l", page, home=tmp_path, environ={"MANWIDTH": "200", "LC_ALL": "C.UTF-8"}).stdout
    assert f"{program} - " in shown
    flags = {flag for action in make_parsers()[program]._actions for flag in action.option_strings}
    assert not [flag for flag in flags - {"-h", "--help"} if flag not in shown]


def test_manual_prints_the_page_of_kwsctl(tmp_path: Path) -> None:
    assert run(KWSCTL, "manual", home=tmp_path).stdout.startswith(".TH KWSCTL")


def test_an_unknown_program_is_named_with_those_there_are(tmp_path: Path) -> None:
    refused = run(KWSCTL, "completions", "bash", "--program", "kwsx", home=tmp_path)
    assert refused.returncode == 2
    assert "kwsx is no program of kwsd; there are kwsctl, kwsd" in refused.stderr


def test_other_commands_do_not_wait_for_the_libraries() -> None:
    program = "import sys; from kwsd.cli.kwsctl import make_parser; make_parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"shtab", "argparse_manpage", "importlib.metadata"} & set(loaded)
