"""Whole processes, watched from outside: processor time, peak memory, what they print."""

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure.paths import MODEL, ROOT, WORK

LOOK_EVERY_S = 0.02  # how often memory is read; VmHWM never falls, so only growth in the last moment can be missed
PYTHON = ROOT / ".venv" / "bin" / "python"
KWSD = ROOT / ".venv" / "bin" / "kwsd"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took from start to end."""

    cpu_s: float
    """User and system time, children included."""
    wall_s: float
    peak_mb: float
    """VmHWM, MiB. Not ru_maxrss: a fresh process inherits that from its parent."""
    output: str


def kwsd_command(keywords: Path, audio: Path, model: Path | str = MODEL) -> list[str]:
    """The product as a user starts it, with its defaults."""
    return [str(KWSD), "--keywords", str(keywords), "--model", str(model), "--input", str(audio), "--json"]


def peer_command(keywords: Path, audio: Path) -> list[str]:
    """The peer over the same audio, see bench/peer_process.py."""
    return [str(PYTHON), "-m", "bench.engine.peer_process", str(keywords), str(audio)]


def as_installed() -> dict[str, str]:
    """Environment of a process that finds byte code, as pip and the Debian package put it beside every module.

    Where PYTHONDONTWRITEBYTECODE is set, as in many containers, a checkout has none, and each start compiles all anew.
    """
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(WORK / "bytecode")}


def run(command: Sequence[str]) -> Usage:
    """Runs a command to its end; the first run of a program writes byte code, so that one should not be counted.

    Raises:
        RuntimeError: it failed; the message ends with what it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=complaints, env=os.environ | as_installed())
        peak_mb, status, usage = watch(process.pid)
        wall_s = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        complaints.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}: {complaints.read()[-2000:]}")
        return Usage(usage.ru_utime + usage.ru_stime, wall_s, peak_mb, output.read())


def watch(pid: int) -> tuple[float, int, resource.struct_rusage]:
    """Peak memory (MiB), wait status and resource use of a child, once it has ended."""
    peak_mb = 0.0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return peak_mb, status, usage
        peak_mb = max(peak_mb, memory_mb(pid, "VmHWM"))
        time.sleep(LOOK_EVERY_S)


def memory_mb(pid: int | str, what: str) -> float:
    """VmHWM or VmRSS of a process in MiB, 0 when it has none any more."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(what + ":")), 0.0)


def pss_mb(pid: int) -> float:
    """Memory of a process, MiB, of which pages shared with others count in part."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def cpu_of(pid: int) -> float:
    """Seconds of processor time so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
