"""What a daemon does without as long as it can: code that it never runs, and the encoder in a quiet room."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from kwsd.protocol.connection import DaemonConnection
from testkit.commands import clean_environment
from testkit.daemons import KWSD, eventually
from testkit.tiny_model import silence, speak

HEAVY = {"_ssl", "_pydantic_core", "_sounddevice"}


def loaded(pid: int) -> set[str]:
    """Of the libraries that a daemon on a pipe has no use for, those in the process."""
    files = {Path(line.split()[-1]).name for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}
    return {name for name in HEAVY if any(file.startswith(name) for file in files)}


def quiet_room() -> bytes:
    """Nothing for 9 s, a word, and nothing again."""
    sound = np.concatenate([silence(9.0), speak("LIGHT ON"), silence(9.0)])
    hiss = np.random.default_rng(0).normal(0, 1e-3, len(sound))
    return ((sound + hiss) * 32767).astype("<i2").tobytes()


@contextmanager
def daemon(home: Path, model: Path, *arguments: str) -> Iterator[tuple[int, IO[bytes], IO[bytes], Path]]:
    (home / "keywords.txt").write_text("LIGHT ON\n")
    path = home / "kwsd.sock"
    command = [KWSD, "--model", str(model), "--keywords", "keywords.txt", "--input", "-", "--socket", str(path)]
    with subprocess.Popen(
        [*command, *arguments],
        cwd=home,
        env=clean_environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.pid, process.stdin, process.stdout, path
        finally:
            process.kill()


@pytest.mark.parametrize("gate", [True, False])
def test_a_quiet_room_is_told_and_what_is_said_in_it_is_heard(tmp_path: Path, tiny_model_dir: Path, gate: bool) -> None:
    """Scenario.

    1. A daemon hears a quiet room from a pipe; a word is said, and it is quiet again.
    2. Somebody asks how things stand.

    Result: the word is told; before the question neither TLS nor what checks commands was loaded; the answer says that
    it is quiet and that most of the sound was, or that the gate is off where it was turned off.
    """
    with daemon(tmp_path, tiny_model_dir, *([] if gate else ["--no-quiet-gate"])) as (pid, sound, told, path):
        sound.write(quiet_room())
        sound.flush()
        assert b"LIGHT ON" in told.readline()
        assert loaded(pid) == set()
        client = DaemonConnection(path)
        assert eventually(lambda: client.ask("status")["stream_time"] > 18)
        status = client.ask("status")["quiet_gate"]
        assert (status["on"], status["closed"]) == (gate, gate)
        assert (0.3 < status["share"] < 0.8) if gate else status["share"] == 0
        client.close()
