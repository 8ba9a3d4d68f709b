"""Two microphones in one daemon, against a daemon for each: the same sound through real PortAudio, in turn."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np

from bench.engine.processes import KWSD, as_installed, cpu_of, pss_mb
from bench.engine.report import Section
from measure import streams
from measure.paths import SHARED
from measure.progress import track
from measure.wav import RATE, Samples, blocks
from testkit.daemons import DaemonProcess, eventually, running
from testkit.fake_audio import PULSE_MICROPHONE, PulseServer, needs_pulseaudio, pulse_server

ROUNDS = 5
SECONDS = 30
GIVEN_UP_S = 60.0
MICROPHONES = {"kitchen": PULSE_MICROPHONE, "hall": "kwsd_other_mic"}
KEYWORDS = SHARED / "keywords" / "commands_small.txt"
ONE, TWO = "one daemon, two sources", "two daemons"


class Took(NamedTuple):
    """Of all daemons of a round."""

    cpu_s: float
    """While the sound lasted."""
    pss_mb: float
    """At its end; pages that daemons share are counted once."""


def measure(jobs: int) -> Section:
    """Speech in both rooms, another one in each."""
    del jobs
    if needs_pulseaudio.args[0]:
        raise RuntimeError(f"sources: {needs_pulseaudio.kwargs['reason']}")
    sound = next(blocks(streams.speech(0.05), 2 * SECONDS * RATE))
    rooms = dict(zip(MICROPHONES.values(), np.split(sound, 2), strict=True))
    took: dict[str, list[Took]] = {ONE: [], TWO: []}
    with pulse_server(others=(MICROPHONES["hall"],)) as server:
        for _ in track(range(ROUNDS), "sources"):
            took[ONE].append(listen(server, rooms, [MICROPHONES]))
            took[TWO].append(listen(server, rooms, [{name: device} for name, device in MICROPHONES.items()]))
    cpu = median(one.cpu_s / two.cpu_s for one, two in zip(took[ONE], took[TWO], strict=True))
    memory = {name: median(each.pss_mb for each in of) for name, of in took.items()}
    rows = [
        [
            name,
            f"{median(each.cpu_s for each in of):.2f}",
            " ".join(f"{each.cpu_s:.2f}" for each in of),
            f"{memory[name]:.1f}",
        ]
        for name, of in took.items()
    ]
    return Section(
        "sources",
        "Two microphones",
        ("kwsd-en, 20 keywords", f"CPU seconds for {SECONDS} s, median", "rounds", "memory, MiB (PSS)"),
        [*rows, ["**ratio**", f"**{cpu:.2f}×**", "", f"**{memory[ONE] / memory[TWO]:.2f}×**"]],
        [f"{ROUNDS} rounds in turn: real PortAudio over two inputs of a PulseAudio server, running speech in both"],
        figures={"cpu_ratio": cpu, "memory_mb": memory},
    )


def listen(server: PulseServer, rooms: dict[str, Samples], of_each: Sequence[dict[str, str]]) -> Took:
    """Daemons that have these microphones, by name, while every room has its sound."""
    with ExitStack() as stack:
        daemons = [stack.enter_context(daemon(server, microphones)) for microphones in of_each]
        before_s = [cpu_of(each.process.pid) for each in daemons]
        with ThreadPoolExecutor(len(rooms)) as players:
            list(players.map(lambda device: server.play(rooms[device], microphone=device), rooms))
        time.sleep(1.0)  # what was heard last is decoded
        cpu_s = sum(cpu_of(each.process.pid) for each in daemons) - sum(before_s)
        memory_mb = sum(pss_mb(each.process.pid) for each in daemons)
        for each in daemons:
            each.signal(signal.SIGTERM)
            each.wait()
        return Took(cpu_s, memory_mb)


@contextmanager
def daemon(server: PulseServer, microphones: dict[str, str]) -> Iterator[DaemonProcess]:
    """One that listens to these."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "config.toml"
        sources = [f'[[source]]\nname = "{name}"\ndevice = "{device}"\n' for name, device in microphones.items()]
        (Path(folder) / "keywords.txt").write_bytes(KEYWORDS.read_bytes())
        settings.write_text("".join(sources))
        own = ("--config", str(settings))
        environment = {**server.env, **as_installed()}
        with running(
            Path(folder), Path("kwsd-en"), *own, program=(str(KWSD),), environment=environment, wait=False
        ) as started:
            if not eventually(lambda: listens(started), GIVEN_UP_S):
                raise RuntimeError(f"the daemon does not listen: {os.linesep.join(started.log)}")
            yield started


def listens(started: DaemonProcess) -> bool:
    """Whether all its sources do."""
    try:
        return all(each["state"] == "listening" for each in started.ask(command="status")["data"]["sources"])
    except (OSError, EOFError):
        return False
