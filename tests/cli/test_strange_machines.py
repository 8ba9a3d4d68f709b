"""Machines as containers, rescue systems and old archives have them: a working run, or one sentence."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import soundfile

from testkit.commands import KWSCTL, KWSD, clean_environment
from testkit.tiny_model import speak

CLONE_NEWUSER = 0x10000000
HOMES = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "USER", "LOGNAME")
HEARS = ["--keywords", "k.txt", "--input", "lights.wav"]

Done = subprocess.CompletedProcess[bytes]


@pytest.fixture
def place(tmp_path: Path, tiny_model_dir: Path) -> Path:
    """k.txt, lights.wav, which says its keyword, and model/."""
    (tmp_path / "k.txt").write_text("lights on\n")
    shutil.copytree(tiny_model_dir, tmp_path / "model")
    soundfile.write(tmp_path / "lights.wav", speak("LIGHTS ON", lead_s=0.5), 16_000)
    return tmp_path


def run_bare(place: Path, *command: object, stranger: bool = False, environ: Mapping[str, str] | None = None) -> Done:
    """A command without any home in its environment; as a user id that nobody knows, for the `stranger`."""
    bare = {name: value for name, value in clean_environment(place).items() if name not in HOMES}
    become = become_a_stranger if stranger else None
    parts = [os.fsencode(part) if isinstance(part, Path | str) else str(part) for part in command]
    try:
        return subprocess.run(
            parts,
            cwd=place,
            env=bare | dict(environ or {}),
            preexec_fn=become,
            capture_output=True,
            check=False,
            timeout=60,
        )
    except subprocess.SubprocessError:
        pytest.skip("no user namespace: another user id cannot be tried")


def become_a_stranger() -> None:
    """User 12345 in a namespace of its own, to whom the files still belong."""
    user = os.getuid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/uid_map").write_text(f"12345 {user} 1")


def is_one_sentence(done: Done) -> bool:
    """Whether stderr is one line that blames nobody's program."""
    said = done.stderr.decode()
    return len(said.splitlines()) == 1 and "internal error" not in said and "Traceback" not in said


def test_a_user_without_a_home_is_heard(place: Path) -> None:
    done = run_bare(place, KWSD, "--model", "model", *HEARS, stranger=True)
    assert (done.returncode, b"lights on" in done.stdout, done.stderr) == (0, True, b"")
    for command in (["models", "list"], ["check", "--model", "model", "--keywords", "k.txt"]):
        listed = run_bare(place, KWSCTL, *command, stranger=True)
        assert (listed.returncode, listed.stderr) == (0, b"")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--keywords", "~nobody-of-that-name/k.txt", "--input", "lights.wav"),
        ("--keywords", "k.txt", "--input", "~nobody-of-that-name/lights.wav"),
        ("--keywords", "k.txt", "--config", "~nobody-of-that-name/kwsd.toml", "--input", "lights.wav"),
        ("--keywords", "k.txt", "--model", "~nobody-of-that-name/model", "--input", "lights.wav"),
    ],
)
def test_the_home_of_a_user_whom_nobody_knows_is_a_file_that_is_not_there(
    place: Path, arguments: tuple[str, ...]
) -> None:
    done = run_bare(place, KWSD, *(() if "--model" in arguments else ("--model", "model")), *arguments, stranger=True)
    assert done.returncode
    assert is_one_sentence(done), done.stderr


def test_a_home_that_is_no_directory_is_done_without(place: Path) -> None:
    done = run_bare(place, KWSD, "--model", "model", *HEARS, environ={"HOME": "/dev/null"})
    assert (done.returncode, b"lights on" in done.stdout, done.stderr) == (0, True, b"")
    unknown = run_bare(place, KWSD, "--model", "no-such", *HEARS, environ={"HOME": "/dev/null"})
    assert is_one_sentence(unknown), unknown.stderr


def test_names_that_are_not_utf_8_in_a_terminal_of_ascii(place: Path) -> None:
    """1. List, model, recording and directory have names with blanks, accents and bytes that no text has; LC_ALL=C."""
    odd = Path(os.fsdecode(os.fsencode(place) + "/möbel \U0001f3a4".encode() + b" \xff"))
    odd.mkdir()
    renamed = [odd / os.fsdecode(name) for name in (b"k \xe9.txt", b"b\xff d.wav", b"model \xfe")]
    for old, new in zip(("k.txt", "lights.wav", "model"), renamed, strict=True):
        (place / old).rename(new)
    keywords, sound, model = renamed
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for options in ((), ("--input", sound), ("--json",)):
        done = run_bare(
            place, KWSD, "--keywords", keywords, "--model", model, "--input", sound, *options, environ=ascii_only
        )
        assert (done.returncode, b"lights on" in done.stdout, done.stderr) == (0, True, b"")
    checked = run_bare(place, KWSCTL, "check", "--model", model, "--keywords", keywords, environ=ascii_only)
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_too_little_memory_is_one_sentence(place: Path) -> None:
    """Enough for Python, too little for NumPy and the model."""
    line = f"ulimit -v 200000; exec {KWSD} --model model --keywords k.txt --input lights.wav"
    done = run_bare(place, "sh", "-c", line, environ={"OPENBLAS_NUM_THREADS": "1"})
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "there is not enough memory" in said.splitlines()[-1]
