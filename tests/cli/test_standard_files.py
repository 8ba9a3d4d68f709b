"""Standard output that is full or closed is said in one line, and ends a command that prints with 1."""

import subprocess
from pathlib import Path

import pytest
import soundfile

from testkit.commands import KWSCTL, KWSD, clean_environment
from testkit.daemons import running
from testkit.tiny_model import speak

WHERE = {"full": "> /dev/full", "closed": ">&-", "full in C": "> /dev/full"}
COMMANDS = {
    "kwsd FILE": f"{KWSD} --model MODEL --keywords k.txt --input sound.wav",
    "kwsd --json FILE": f"{KWSD} --model MODEL --keywords k.txt --json --input sound.wav",
    "kwsd --help": f"{KWSD} --help",
    "kwsd --version": f"{KWSD} --version",
    "kwsd --print-config": f"{KWSD} --print-config",
    "kwsctl --help": f"{KWSCTL} --help",
    "kwsctl models --help": f"{KWSCTL} models --help",
    "kwsctl models list": f"{KWSCTL} models list",
    "kwsctl check": f"{KWSCTL} check --model MODEL --keywords k.txt",
    "kwsd-mqtt --help": f"{KWSD}-mqtt --help",
    "kwsd-wyoming --help": f"{KWSD}-wyoming --help",
}
OF_A_DAEMON = ("status", "keywords", "listen", "reload", "mute")


def shell(command: str, home: Path) -> "subprocess.CompletedProcess[str]":
    environment = clean_environment(home)
    return subprocess.run(
        ["sh", "-c", command], cwd=home, env=environment, capture_output=True, text=True, check=False, timeout=30
    )


def assert_said(done: "subprocess.CompletedProcess[str]") -> None:
    (line,) = done.stderr.splitlines()
    assert "cannot write to standard output" in line
    assert done.returncode == 1


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "k.txt").write_text("lights on\n")
    soundfile.write(tmp_path / "sound.wav", speak("LIGHTS ON", lead_s=0.5), 16_000)
    return tmp_path


@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
@pytest.mark.parametrize("name", COMMANDS)
def test_what_cannot_be_printed_is_said(home: Path, tiny_model_dir: Path, name: str, where: str) -> None:
    assert_said(shell(f"{COMMANDS[name].replace('MODEL', str(tiny_model_dir))} {where}", home))


@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_what_a_daemon_answers_cannot_be_printed(tmp_path: Path, tiny_model_dir: Path, where: str) -> None:
    with running(tmp_path, tiny_model_dir):
        for name in OF_A_DAEMON:
            assert_said(shell(f"{KWSCTL} {name} --socket s {where}", tmp_path))


def test_everything_closed_is_an_end_without_a_traceback(home: Path, tiny_model_dir: Path) -> None:
    """Exit codes are all that is left to tell with."""
    command = f"{KWSD} --model {tiny_model_dir} --keywords k.txt"
    assert shell(f"{command} --input sound.wav <&- >&- 2>&-", home).returncode == 1
    assert shell(f"{command} --input nothing.wav <&- >&- 2>&-", home).returncode == 1
    assert shell(f"{command} --input - <&-", home).returncode == 1
    assert shell(f"JOURNAL_STREAM=8:1 {command} --input sound.wav 2>&-", home).returncode == 0
