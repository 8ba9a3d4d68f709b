"""What a daemon does without as long as it can: code that it never runs, and the encoder in a quiet room."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import pytest
import soundfile

from kwsd.models.directory import FLOAT_MATRICES
from kwsd.protocol.connection import DaemonConnection
from testkit.commands import clean_environment
from testkit.daemons import KWSD, eventually
from testkit.spoken import with_gaps
from testkit.tiny_model import silence, speak

ROOT = Path(__file__).parents[2]
HEAVY = {"_ssl", "_hashlib", "libcrypto", "_pydantic_core", "_sounddevice", "soxr_ext", "mtrand"}
SPARE = 1.1
"""Of the memory measured, for other versions of Python, NumPy and onnxruntime."""
TAKEN_MIB = {"daemon": 86.5, "stream": 81.5, "fixed words": 42.5}
"""Measured at their peak with the models that ship, Python 3.11, NumPy 2.4 and onnxruntime 1.31."""


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


@pytest.mark.parametrize("kind", TAKEN_MIB)
def test_hearing_takes_the_memory_that_was_measured(tmp_path: Path, kind: str) -> None:
    """Scenario.

    1. kwsd, as a daemon or alone, hears what its models can. 2. Its largest memory so far is
    looked up. Result: it is what was measured, no library came in that it has no use for, and nothing is left of the
    file that its weights were laid out in.
    """
    command = [KWSD, "--keywords", str(ROOT / "keywords" / "demo.txt"), "--input", "-"]
    sound, _ = soundfile.read(ROOT / "models" / "demo.wav", dtype="int16")
    if kind == "daemon":
        command += ["--socket", str(tmp_path / "kwsd.sock")]
    elif kind == "fixed words":
        command = [KWSD, "--fallback", "only", "--input", "-"]
        sound = (with_gaps("yes") * 32767).astype("int16")
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(tmp_path), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(sound.tobytes() + bytes(64_000))
            process.stdin.flush()
            assert process.stdout.readline()
            of = Path(f"/proc/{process.pid}")
            (peak,) = (line.split()[1] for line in (of / "status").read_text().splitlines() if "VmHWM" in line)
            assert int(peak) / 1024 < SPARE * TAKEN_MIB[kind]
            assert loaded(process.pid) == set()
            assert ("libonnxruntime" in (of / "maps").read_text()) == (kind != "fixed words")
            assert FLOAT_MATRICES not in (of / "maps").read_text()
        finally:
            process.kill()
