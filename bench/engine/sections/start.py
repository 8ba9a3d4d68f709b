"""How long until it hears, and until a short command has answered."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.engine.processes import KWSD, as_installed, cpu_of
from bench.engine.report import Section
from measure.paths import ROOT, SHARED
from measure.progress import track

ROUNDS = 15
KEYWORDS = SHARED / "keywords" / "commands_small.txt"
GIVEN_UP_S = 30.0
FLOOR = "import os; os.environ.update(OPENBLAS_NUM_THREADS='1', ORT_DISABLE_TELEMETRY='1'); import numpy, onnxruntime"
"""What is left of a start where nothing is left of kwsd."""

Took = tuple[float, float]
"""Seconds on the clock, and of processor time."""


def measure(jobs: int) -> Section:
    """Each process once a round."""
    del jobs
    with tempfile.TemporaryDirectory() as folder, daemon(Path(folder) / "kwsd.sock"):
        started: Mapping[str, Callable[[], Took]] = {
            "the daemon, to READY": lambda: to_ready(Path(folder)),
            "`kwsd --help`": lambda: ended([str(KWSD), "--help"]),
            "`kwsctl status`": lambda: ended(
                [str(KWSD.with_name("kwsctl")), "status", "--socket", f"{folder}/kwsd.sock"]
            ),
            "NumPy and onnxruntime": lambda: ended([str(KWSD.with_name("python")), "-c", FLOOR]),
            "bare Python": lambda: ended([str(KWSD.with_name("python")), "-c", "pass"]),
        }
        for run in started.values():
            run()  # writes byte code
        rounds = [{name: run() for name, run in started.items()} for _ in track(range(ROUNDS), "start")]
    rows, figures = [], {}
    for name in started:
        walls, cpus = zip(*(each[name] for each in rounds), strict=True)
        figures[name] = {"wall_s": median(walls), "least_wall_s": min(walls), "cpu_s": median(cpus)}
        rows.append([name, f"**{median(walls):.2f}**", f"{min(walls):.2f}", f"{median(cpus):.2f}"])
    return Section(
        "start",
        "Start",
        ("process", "seconds, median", "least", "CPU seconds, median"),
        rows,
        [
            f"median of {ROUNDS} rounds in alternation; the daemon with kwsd-en, 20 keywords, a pipe and a socket",
            "with byte code beside the modules, as pip and the Debian package leave it",
        ],
        figures=figures,
    )


@contextmanager
def daemon(path: Path) -> Iterator[None]:
    """A daemon for as long as the block lasts."""
    process, _ = start_daemon(path)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def start_daemon(path: Path) -> tuple[subprocess.Popen[bytes], float]:
    """A daemon that has said READY, and how long that took."""
    notify = path.with_suffix(".notify")
    notify.unlink(missing_ok=True)
    command = [str(KWSD), "--keywords", str(KEYWORDS), "--input", "-", "--socket", str(path)]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(notify))
        told.settimeout(GIVEN_UP_S)
        began_s = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | as_installed() | {"NOTIFY_SOCKET": str(notify)},
        )
        while b"READY=1" not in told.recv(4096):
            pass
        return process, time.perf_counter() - began_s


def to_ready(folder: Path) -> Took:
    """Seconds until a daemon of its own is ready."""
    process, wall_s = start_daemon(folder / "another.sock")
    cpu_s = cpu_of(process.pid)
    process.kill()
    process.wait()
    return wall_s, cpu_s


def ended(command: list[str]) -> Took:
    """Until it has ended."""
    began_s = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | as_installed()
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return time.perf_counter() - began_s, usage.ru_utime + usage.ru_stime
