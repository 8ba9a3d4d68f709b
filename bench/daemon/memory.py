"""`python -m bench memory`: what the daemon's memory does with thousands of one thing.

Each thing is done to a daemon of its own again and again, in batches; after each batch there is time for garbage to be
collected, then anonymous memory is noted, which does not depend on what other processes share. The first batch warms
up. All at once, ten minutes, most of it waiting. Writes bench/results/daemon-memory.md.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.daemon.soak_sampling import anonymous_mb
from bench.daemon.soak_stage import Script, script_for
from kwsd.timebase import SAMPLE_RATE
from measure.paths import RESULTS
from testkit.daemons import DaemonProcess, Plug, eventually, running
from testkit.serving import Client

BATCHES = 4
COLLECTED_S = 65.0  # garbage is collected every minute
SAID_S = 900.0  # of sound in one batch


@dataclass(frozen=True, slots=True)
class Growth:
    """What came of one thing."""

    name: str
    count: int
    """How often in one batch."""
    used_mb: tuple[float, ...]
    """Anonymous memory after each batch."""

    @property
    def row(self) -> str:
        """Of the page."""
        each_kb = 1000 * (self.used_mb[-1] - self.used_mb[0]) / (self.count * (len(self.used_mb) - 1))
        return f"| {self.count} × {self.name} | {' / '.join(f'{mb:.2f}' for mb in self.used_mb)} | {each_kb:+.2f} |"


def grown(name: str, count: int, daemon: DaemonProcess, once: Callable[[], object]) -> Growth:
    """Do it `count` times in every batch."""
    used_mb = []
    for _ in range(BATCHES):
        for _ in range(count):
            once()
        time.sleep(COLLECTED_S)
        used_mb.append(anonymous_mb(daemon.process.pid))
    growth = Growth(name, count, tuple(used_mb))
    print(growth.row, flush=True)
    return growth


def of_a_microphone(name: str, count: int, script: Script) -> Growth:
    """One of the things below, with a fake microphone."""
    with tempfile.TemporaryDirectory() as directory:
        plug = Plug(Path(directory))
        plug.plug_in()
        with running(Path(directory), script.model, "--clips", keywords=script.keywords) as daemon:
            commander, _ = daemon.client()
            with commander:
                return grown(name, count, daemon, lambda: THINGS[name](daemon, plug, commander))


def reload(_: DaemonProcess, __: Plug, commander: Client) -> None:
    """The keyword file read and compiled anew."""
    commander.ask(command="reload")


def mute(_: DaemonProcess, plug: Plug, commander: Client) -> None:
    """Muted and unmuted."""
    commander.ask(command="mute")
    commander.ask(command="unmute")
    eventually(lambda: plug.is_open)


def pull_out(_: DaemonProcess, plug: Plug, __: Client) -> None:
    """Pulled out and plugged in."""
    plug.pull_out()
    plug.plug_in()
    eventually(lambda: plug.is_open, 15)


def subscribe(daemon: DaemonProcess, _: Plug, __: Client) -> None:
    """A subscriber that comes, asks and goes."""
    client, _hello = daemon.client()
    with client:
        client.ask(command="subscribe", types=["detection", "level"])
        client.ask(command="status")


def vanish(daemon: DaemonProcess, _: Plug, __: Client) -> None:
    """A connection that is gone at once."""
    with suppress(BlockingIOError):
        Client(daemon.socket_path).close()
    time.sleep(0.005)


THINGS: dict[str, Callable[[DaemonProcess, Plug, Client], None]] = {
    "reload": reload,
    "mute, unmute": mute,
    "pull out, plug in": pull_out,
    "subscriber": subscribe,
    "connection gone at once": vanish,
}


COUNTS = {
    "reload": 300,
    "mute, unmute": 100,
    "pull out, plug in": 20,
    "subscriber": 500,
    "connection gone at once": 1000,
}


def of_sound(script: Script) -> Growth:
    """Hours of sound through a pipe, as fast as they are decoded."""
    arguments = ("--clips", "--input", "-")
    with (
        tempfile.TemporaryDirectory() as directory,
        running(
            Path(directory),
            script.model,
            *arguments,
            keywords=script.keywords,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        ) as daemon,
    ):
        return grown("a quarter of an hour of sound", 1, daemon, lambda: say(daemon, script))


def say(daemon: DaemonProcess, script: Script) -> None:
    """Phrases and near-silence in turn, and wait until all is heard."""
    dice = np.random.default_rng(0)
    assert daemon.process.stdin is not None  # noqa: S101  it is a pipe
    said_s, number = 0.0, 0
    while said_s < SAID_S:
        number += 1
        quiet = dice.normal(0, 0.0003, int(SAMPLE_RATE * dice.uniform(0.5, 6))).astype(np.float32)
        sound = np.concatenate([quiet, script.lines[number % len(script.lines)].sound])
        daemon.process.stdin.write((sound.clip(-1, 1) * 32767).astype("<i2").tobytes())
        said_s += len(sound) / SAMPLE_RATE


def main(arguments: list[str]) -> None:
    """Everything, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench memory", description=__doc__)
    parser.add_argument("--model", type=Path, help="instead of upstream's")
    with tempfile.TemporaryDirectory() as directory:
        script = script_for(parser.parse_args(arguments).model, Path(directory))
        with ThreadPoolExecutor() as pool:
            sound = pool.submit(of_sound, script)
            others = [pool.submit(of_a_microphone, name, count, script) for name, count in COUNTS.items()]
            growths = [growth.result() for growth in (sound, *others)]
    title = f"# The daemon's memory\n\n{(__doc__ or '').strip()}\n\nModel {script.model.name}.\n\n"
    table = "| one batch | anonymous memory after each, MB | kB each, after the first batch |\n|---|---|---|\n"
    (RESULTS / "daemon-memory.md").write_text(title + table + "\n".join(growth.row for growth in growths) + "\n")
