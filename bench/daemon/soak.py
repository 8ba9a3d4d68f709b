"""`python -m bench soak --minutes 60`: the real daemon, hour after hour, with everything going wrong.

A fake microphone says phrases in real time. Meanwhile, at random: it is pulled out, hangs, is muted; keyword files are
reloaded, good and bad; subscribers get stuck, send rubbish, ask for clips, come and go. Every phrase must be heard all
the same, but for those in whose middle the microphone went. Writes bench/results/soak.md and soak.csv.
"""

import argparse
import csv
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bench.daemon.soak_faults import Faults
from bench.daemon.soak_report import Outcome, Sample, page
from bench.daemon.soak_sampling import Sampling
from bench.daemon.soak_stage import Ear, Script, Speaker, script_for
from measure.paths import RESULTS
from testkit.daemons import DaemonProcess, Manager, Plug, running

WATCHDOG_S = 20.0


class Soak:
    """One run."""

    def __init__(self, directory: Path, script: Script, daemon: DaemonProcess, plug: Plug) -> None:
        self.daemon = daemon
        self.speaker = Speaker(script, plug, Ear(daemon), random.Random(20))
        self.faults = Faults(daemon, self.speaker, directory / "keywords.txt")
        self.sampling = Sampling(daemon.process.pid)
        self.minutes = 0.0

    def run(self, duration_s: float) -> None:
        """Say phrases and do harm until the time is up."""
        began_s = time.monotonic()
        with suppress(KeyboardInterrupt):
            while time.monotonic() - began_s < duration_s and self.daemon.process.poll() is None:
                self.speaker.speak()
                self.faults.do_one()
        self.minutes = (time.monotonic() - began_s) / 60
        self.sampling.stop()


def soak_in(directory: Path, model: Path | None, duration_s: float) -> Outcome:
    """One run, the daemon's files in `directory`."""
    script, plug, manager = script_for(model, directory), Plug(directory), Manager(directory)
    plug.plug_in()
    environment = manager.environment(WATCHDOG_S)
    with running(directory, script.model, "--clips", keywords=script.keywords, environment=environment) as daemon:
        soak = Soak(directory, script, daemon, plug)
        soak.run(duration_s)
        daemon.signal(signal.SIGTERM)
        return outcome_of(soak, script.model.name, manager.times("WATCHDOG"), daemon.wait())


def outcome_of(soak: Soak, model: str, fed_s: Sequence[float], exit_code: int) -> Outcome:
    """What the page tells."""
    speaker, faults = soak.speaker, soak.faults
    return Outcome(
        minutes=soak.minutes,
        model=model,
        said=speaker.said,
        lost=speaker.lost,
        extra=speaker.extra,
        interrupted=speaker.interrupted,
        failures=faults.failures,
        faults=faults.counts,
        events=speaker.ear.counts,
        samples=soak.sampling.samples,
        fed_s=fed_s,
        hangs_s=faults.hangs_s,
        watchdog_s=WATCHDOG_S,
        exit_code=exit_code,
        log_lines=len(soak.daemon.log),
    )


def write_csv(path: Path, samples: Sequence[Sample]) -> None:
    """Every sample, a row each."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(samples[0]))
        writer.writeheader()
        writer.writerows({key: round(value, 3) for key, value in sample.items()} for sample in samples)


def main(arguments: list[str]) -> None:
    """Arguments in, bench/results/soak.md out. Ctrl-C ends early, with the true length."""
    parser = argparse.ArgumentParser(prog="python -m bench soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--model", type=Path, help="instead of upstream's, or the tests' tiny one where that is not")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kwsd-soak-") as name:
        outcome = soak_in(Path(name), options.model, options.minutes * 60)
    (RESULTS / "soak.md").write_text(page(__doc__ or "", outcome))
    write_csv(RESULTS / "soak.csv", outcome.samples)
    print(page("", outcome))
