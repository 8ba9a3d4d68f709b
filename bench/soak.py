"""`PYTHONPATH=tests python -m bench.soak --minutes 60`: the real daemon, hour after hour, with everything going wrong.

A fake microphone says phrases in real time. Meanwhile, at random: it is pulled out, hangs, is muted; keyword files are
reloaded, good and bad; subscribers get stuck, send rubbish, come and go. Every phrase must be heard all the same, but
for those in whose middle the microphone went. Writes bench/results/soak.md and soak.csv.
"""

import argparse
import csv
import random
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile
from daemons import DaemonProcess, Manager, Plug, eventually, phrase, running
from numpy.typing import NDArray
from serving import Client
from tiny_model import build_tiny_model

from bench.paths import MODEL, RESULTS
from bench.soak_report import Outcome, page

WATCHDOG_S = 20.0
DECIDED_S = 3.0  # after the last sample of a phrase it must have been heard
SAMPLE_EVERY_S = 10.0
COMES_BACK_S = 20.0
MOST_CLIENTS = 40


class Script:
    """What is said, and what must be heard."""

    def __init__(self, directory: Path) -> None:
        if MODEL.is_dir():
            self.model, self.sounds = MODEL, _golden_sounds()
        else:
            self.model = build_tiny_model(directory / "tiny")
            self.sounds = [(phrase(text), [text]) for text in ("LIGHT ON", "TURN OFF")]
        self.keywords = "".join(f"{word}\n" for _, words in self.sounds for word in words) + "ELEPHANT SEVEN\n"


def _golden_sounds() -> list[tuple[NDArray[np.float32], list[str]]]:
    expected = [["LIGHT UP"], ["LOVELY CHILD", "FOREVER"]]
    sounds = [soundfile.read(MODEL / "test_wavs" / f"{number}.wav", dtype="float32")[0] for number in range(2)]
    return list(zip(sounds, expected, strict=True))


class Ear:
    """A well-behaved subscriber, for the whole time."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.counts: Counter[str] = Counter()
        self.heard: list[str] = []
        self._client, _ = daemon.client()
        self._client.socket.settimeout(None)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with suppress(OSError, EOFError):
            while True:
                record = self._client.read()
                self.counts[record["type"]] += record.get("n", 1)
                if record["type"] == "detection":
                    self.heard.append(record["keyword"])


class Soak:
    """One run."""

    def __init__(self, directory: Path, script: Script, daemon: DaemonProcess, plug: Plug, manager: Manager) -> None:
        self.script = script
        self.daemon = daemon
        self.plug = plug
        self.manager = manager
        self.ear = Ear(daemon)
        self.dice = random.Random(20)
        self.said = self.lost = self.extra = self.interrupted = 0
        self.failures: list[str] = []
        self.faults: Counter[str] = Counter()
        self.samples: list[dict[str, float]] = []
        self.hangs: list[tuple[float, float]] = []
        self._keyword_file = directory / "keywords.txt"
        self._clients: list[Client] = []
        self._process = psutil.Process(daemon.process.pid)

    def run(self, duration_s: float) -> None:
        """Say phrases and do harm until the time is up."""
        harms: list[Callable[[], None]] = [
            self.pull_out,
            self.pull_out_while_speaking,
            self.mute,
            self.hang_up,
            self.reload_bad,
            self.set_threshold,
            self.stuck_subscriber,
            self.rubbish,
            self.come_and_go,
            self.hang,
        ]
        weights = [2, 2, 2, 4, 2, 3, 4, 3, 3, 1]
        sampling = threading.Thread(target=self._sample, args=(duration_s,), daemon=True)
        sampling.start()
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s and self.daemon.process.poll() is None:
            self.speak(*self.dice.choice(self.script.sounds))
            (harm,) = self.dice.choices(harms, weights)
            self.faults[harm.__name__] += 1
            try:
                harm()
            except TimeoutError as failure:
                self.failures.append(f"{harm.__name__}: {failure}")
        sampling.join(SAMPLE_EVERY_S + 1)

    def speak(self, sound: NDArray[np.float32], words: list[str], during: Callable[[], object] | None = None) -> None:
        """Say something, wait until it is decided, and count what was heard of it."""
        before = len(self.ear.heard)
        self.plug.say(sound)
        if during is not None:
            time.sleep(self.dice.uniform(0.2, len(sound) / 16_000))
            during()
        self.plug.say_all(np.zeros(0, np.float32))
        eventually(lambda: len(self.ear.heard) - before >= len(words), DECIDED_S)
        time.sleep(self.dice.uniform(0.3, 2.0))
        heard = Counter(self.ear.heard[before:])
        self.said += len(words)
        missed = list((Counter(words) - heard).elements())
        self.lost += len(missed)
        self.extra += sum((heard - Counter(words)).values())
        if missed:
            print(f"lost {missed} at {time.ctime()}; log: {self.daemon.log[-3:]}", flush=True)

    def pull_out(self) -> None:
        """Unplugged for a while, between phrases."""
        self.plug.pull_out()
        time.sleep(self.dice.uniform(0.2, 8))
        self._plug_in()

    def pull_out_while_speaking(self) -> None:
        """What was being said counts as interrupted, whether heard or not."""
        sound, _ = self.dice.choice(self.script.sounds)
        self.plug.say(sound)
        time.sleep(self.dice.uniform(0.2, 4))
        self.plug.pull_out()
        self.plug.forget()
        self.interrupted += 1
        self._plug_in()

    def mute(self) -> None:
        """Muted for a while: the microphone must be closed, and opened again."""
        self._ask(command="mute")
        _need(lambda: not self.plug.is_open, "muted, but the microphone is open")
        time.sleep(self.dice.uniform(0, 3))
        self._ask(command="unmute")
        _need(lambda: self.plug.is_open, "unmuted, but the microphone is closed")

    def hang_up(self) -> None:
        """SIGHUP in the middle of a phrase: the list is reloaded and nothing is lost."""
        sound, words = self.dice.choice(self.script.sounds)
        self.speak(sound, words, during=lambda: self.daemon.signal(signal.SIGHUP))

    def reload_bad(self) -> None:
        """A broken keyword file in the middle of a phrase: the old list stays and nothing is lost."""
        sound, words = self.dice.choice(self.script.sounds)
        self._keyword_file.write_text("@@@ 123 ###\n")
        self.speak(sound, words, during=lambda: self._ask(command="reload"))
        self._keyword_file.write_text(self.script.keywords)
        time.sleep(1)

    def set_threshold(self) -> None:
        """Every keyword compiled anew in the middle of a phrase: nothing is lost."""
        sound, words = self.dice.choice(self.script.sounds)
        self.speak(sound, words, during=lambda: self._ask(command="set_threshold", threshold=0.3))

    def stuck_subscriber(self) -> None:
        """It asks for everything there is and reads none of it."""
        client, _ = self.daemon.client()
        client.send(command="subscribe", types=["level", "detection", "heartbeat", "near_miss"])
        self._clients.append(client)
        if len(self._clients) > MOST_CLIENTS:
            self._clients.pop(0).close()

    def rubbish(self) -> None:
        """A subscriber that sends random bytes until it is shown out."""
        client, _ = self.daemon.client()
        with client, suppress(OSError):
            for _ in range(20):
                client.send_bytes(self.dice.randbytes(1000))

    def come_and_go(self) -> None:
        """Fifty connections that vanish at once."""
        for _ in range(50):
            Client(self.daemon.socket_path).close()

    def hang(self) -> None:
        """The microphone gives nothing and does not say so. The watchdog starves, rightly."""
        began_s = time.monotonic()
        self.plug.frozen = True
        time.sleep(8)
        self.plug.frozen = False
        _need(lambda: self._state() == "listening", "the microphone works again, but is not heard")
        self.hangs.append((began_s, time.monotonic()))

    def _plug_in(self) -> None:
        self.plug.plug_in()
        _need(lambda: self.plug.is_open and self._state() == "listening", "plugged in, but not heard")

    def _ask(self, **command: Any) -> dict[str, Any]:
        return self.daemon.ask(**command)

    def _state(self) -> object:
        return self._ask(command="status")["data"]["state"]

    def _sample(self, duration_s: float) -> None:
        began_s = time.monotonic()
        while (at_s := time.monotonic() - began_s) < duration_s and self.daemon.process.poll() is None:
            with suppress(psutil.Error):
                memory = self._process.memory_full_info()
                self.samples.append(
                    {
                        "seconds": round(at_s, 1),
                        "pss_mb": memory.pss / 1e6,
                        "uss_mb": memory.uss / 1e6,
                        "anonymous_mb": anonymous_mb(self.daemon.process.pid),
                        "descriptors": self._process.num_fds(),
                        "threads": self._process.num_threads(),
                        "cpu_s": round(sum(self._process.cpu_times()[:2]), 2),
                    }
                )
            time.sleep(SAMPLE_EVERY_S)


def anonymous_mb(pid: int) -> float:
    """Memory that no file stands behind: what a leak would grow, whatever other processes share with this one."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:")) / 1000


def _need(condition: Callable[[], object], complaint: str) -> None:
    if not eventually(condition, COMES_BACK_S):
        raise TimeoutError(complaint)


def outcome_of(soak: Soak, script: Script, minutes: float, exit_code: int) -> Outcome:
    """What the page tells."""
    return Outcome(
        minutes=minutes,
        model=script.model.name,
        said=soak.said,
        lost=soak.lost,
        extra=soak.extra,
        interrupted=soak.interrupted,
        failures=soak.failures,
        faults=soak.faults,
        events=soak.ear.counts,
        samples=soak.samples,
        fed_s=soak.manager.times("WATCHDOG"),
        hangs_s=soak.hangs,
        watchdog_s=WATCHDOG_S,
        exit_code=exit_code,
        log_lines=len(soak.daemon.log),
    )


def soak_in(directory: Path, duration_s: float) -> Outcome:
    """One run, the daemon's files in `directory`."""
    script, plug, manager = Script(directory), Plug(directory), Manager(directory)
    plug.plug_in()
    environment = manager.environment(WATCHDOG_S)
    with running(directory, script.model, "--clips", keywords=script.keywords, environment=environment) as daemon:
        soak = Soak(directory, script, daemon, plug, manager)
        began_s = time.monotonic()
        with suppress(KeyboardInterrupt):
            soak.run(duration_s)
        minutes = (time.monotonic() - began_s) / 60
        daemon.signal(signal.SIGTERM)
        return outcome_of(soak, script, minutes, daemon.wait())


def main() -> None:
    """Arguments in, bench/results/soak.md out. Ctrl-C ends early, with the true length."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kwsd-soak-") as name:
        outcome = soak_in(Path(name), arguments.minutes * 60)
    (RESULTS / "soak.md").write_text(page(__doc__ or "", outcome))
    with (RESULTS / "soak.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(outcome.samples[0]))
        writer.writeheader()
        writer.writerows({key: round(value, 3) for key, value in sample.items()} for sample in outcome.samples)
    print(page("", outcome))


if __name__ == "__main__":
    main()
