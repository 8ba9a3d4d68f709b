"""`python -m bench daemon`: what the daemon costs, as a process of its own.

A fake microphone gives sound in real time. Latency is from the moment the decoding thread makes a record to the moment
a subscriber has read it, on the wall clock of this machine. Writes bench/results/daemon.md.
"""

import argparse
import itertools
import json
import os
import selectors
import socket
import tempfile
import threading
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import soundfile
from numpy.typing import NDArray

from kwsd.timebase import SAMPLE_RATE
from measure.paths import MODEL, RESULTS, ROOT
from testkit.daemons import KWSD, DaemonProcess, Manager, Plug, eventually, running
from testkit.serving import Client

Row = tuple[str, str]

LATENCY_S = 30.0
PROCESSOR_S = 40.0
STARTS = 7
KEYWORDS = ROOT / "keywords" / "commands_small.txt"
SAID = "LIGHT UP"  # in the first of the model's test recordings


def latency(daemon: DaemonProcess, subscribers: int) -> Row:
    """Of `level` events, three a second, to so many subscribers."""
    clients = [daemon.client()[0] for _ in range(subscribers)]
    for client in clients:
        client.ask(command="subscribe", types=["level"])
    late_ms = sorted(_collect(clients))
    for client in clients:
        client.close()
    value = f"{median(late_ms):.1f} / {late_ms[int(0.99 * len(late_ms))]:.1f} / {late_ms[-1]:.1f} ms"
    return f"event latency, {subscribers} subscribers: median / 99 % / most of {len(late_ms)}", value


def _collect(clients: list[Client]) -> list[float]:
    late_ms: list[float] = []
    selector = selectors.DefaultSelector()
    for client in clients:
        client.socket.setblocking(False)
        selector.register(client.socket, selectors.EVENT_READ)
    end_s = time.monotonic() + LATENCY_S
    while time.monotonic() < end_s:
        for key, _ in selector.select(1):
            assert isinstance(key.fileobj, socket.socket)  # noqa: S101  registered above
            lines = key.fileobj.recv(65536).splitlines()
            arrived = datetime.now(UTC)
            late_ms += [1000 * (arrived - _emitted(line)).total_seconds() for line in lines]
    return late_ms


def _emitted(line: bytes) -> datetime:
    return datetime.fromisoformat(json.loads(line)["time"])


def processor(daemon: DaemonProcess, name: str) -> Row:
    """Share of one core, while nobody is connected."""
    process = psutil.Process(daemon.process.pid)
    before, began_s = sum(process.cpu_times()[:2]), time.monotonic()
    time.sleep(PROCESSOR_S)
    used_s = sum(process.cpu_times()[:2]) - before
    return f"processor, {name}", f"{100 * used_s / (time.monotonic() - began_s):.2f} % of one core"


def memory(daemon: DaemonProcess) -> Row:
    """Proportional set size, and what is its own alone."""
    full = psutil.Process(daemon.process.pid).memory_full_info()
    return "memory: PSS / USS", f"{full.pss / 1e6:.1f} / {full.uss / 1e6:.1f} MB"


def start(directory: Path) -> Row:
    """From starting the program to READY=1, without a microphone."""
    walls, cpus = [], []
    for number in range(STARTS):
        own = directory / str(number)
        own.mkdir()
        manager = Manager(own)
        (own / "keywords.txt").write_text(KEYWORDS.read_text())
        began_s = time.monotonic()
        with running(own, MODEL, program=(KWSD,), environment=manager.environment(), wait=False) as daemon:
            eventually(partial(manager.times, "READY"), 60)
            cpus.append(sum(psutil.Process(daemon.process.pid).cpu_times()[:2]))
            walls.append(manager.times("READY")[0] - began_s)
        manager.close()
    value = f"{min(walls):.2f} / {median(walls):.2f} s, of which processor {median(cpus):.2f} s"
    return f"start to READY, least / median of {STARTS}", value


def reload(daemon: DaemonProcess, directory: Path, plug: Plug) -> list[Row]:
    """10 000 keywords, while phrases are being said."""
    words = sorted({word for line in (ROOT / "keywords" / "commands_large.txt").open() for word in line.split()})
    phrases = (" ".join(three) for three in itertools.permutations([w for w in words if w.isalpha()], 3))
    many = [SAID, *itertools.islice(phrases, 9_999)]
    sound, _ = soundfile.read(MODEL / "test_wavs" / "0.wav", dtype="float32")
    before = daemon.ask(command="status")["data"]
    plug.say(sound)
    plug.say(np.zeros(SAMPLE_RATE, np.float32))
    (directory / "keywords.txt").write_text("\n".join(many) + "\n")
    began_s = time.monotonic()
    reply = daemon.ask(command="reload")  # each on a connection of its own: who does not read meanwhile is shown out
    took_s = time.monotonic() - began_s
    plug.say_all(np.zeros(0, np.float32))
    heard = eventually(lambda: daemon.ask(command="status")["data"]["detections"] > before["detections"])
    after = daemon.ask(command="status")["data"]
    return [
        (f"reload with {len(reply['data']['keywords'])} keywords, to the reply", f"{took_s:.2f} s"),
        ("sound lost by it", f"{after['lost_ms'] - before['lost_ms']:.0f} samples"),
        ("phrase that was being said meanwhile", "heard" if heard else "**not heard**"),
    ]


def talk(plug: Plug, stop: threading.Event) -> None:
    """Read speech, on and on."""
    for sound in itertools.cycle(_speech()):
        plug.say_all(sound)
        if stop.is_set():
            return


def _speech() -> list[NDArray[np.float32]]:
    return [
        soundfile.read(MODEL / "test_wavs" / f"{number}.wav", dtype="float32")[0].clip(-1, 1) for number in range(2)
    ]


def measure(directory: Path) -> list[Row]:
    """All rows, in the order of the page."""
    plug = Plug(directory)
    plug.plug_in()
    (directory / "keywords.txt").write_text(f"{KEYWORDS.read_text()}\n{SAID}\n")
    rows = [start(directory)]
    with running(directory, MODEL, environment={"KWSD_DAEMON_WATCH_KEYWORDS": "false"}) as daemon:
        eventually(lambda: plug.is_open)
        rows.append(processor(daemon, "in silence (faint noise)"))
        stop = threading.Event()
        talking = threading.Thread(target=talk, args=(plug, stop))
        talking.start()
        rows.append(processor(daemon, "in speech without a pause"))
        rows.append(memory(daemon))
        rows += [latency(daemon, subscribers) for subscribers in (1, 50, 200)]
        stop.set()
        plug.forget()
        talking.join()
        rows += reload(daemon, directory, plug)
    return rows


def main(arguments: list[str]) -> None:
    """Measure, write, print."""
    argparse.ArgumentParser(prog="python -m bench daemon", description=__doc__).parse_args(arguments)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="kwsd-figures-") as name:
        rows = measure(Path(name))
    where = (
        f"Model {MODEL.name}, {KEYWORDS.name}; {os.cpu_count()} cores, load {load_before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after, run at nice {os.getpriority(os.PRIO_PROCESS, 0)}."
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    page = f"# The daemon\n\n{(__doc__ or '').strip()}\n\n{where}\n\n| what | measured |\n|---|---|\n{table}\n"
    (RESULTS / "daemon.md").write_text(page)
    print(page)
