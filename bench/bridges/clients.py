"""The real Home Assistant and the real satellite of ../shared/peers, as far as they are set up below $KWSD_RIGS."""

import csv
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bench.bridges.wyoming import MODEL, WORDS, percentiles
from measure.paths import SHARED
from measure.wordends import speech_end_s
from testkit.wyoming import pcm, rig, serving

PEERS = SHARED / "peers"
SATELLITES = ("satellite", "satellite-1.4.1")
"""Environments: the one version that a registry has, and the one that people run (`setup VENV CHECKOUT`)."""
CLIPS = 12
VERSIONS = """\
import importlib.metadata as m
names = ("homeassistant", "wyoming-satellite", "wyoming")
print(", ".join(f"{d.metadata['Name']} {d.version}" for n in names for d in m.distributions(name=n)))
"""


def write_clips(directory: Path) -> list[tuple[Path, str, float]]:
    """WAV, name and end of the word of as many clips of each word."""
    with (SHARED / "wakewords" / "manifest.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    found = []
    for word in WORDS:
        for row in [row for row in rows if row["phrase"] == word.upper()][: CLIPS // len(WORDS)]:
            sound, rate = soundfile.read(SHARED / "wakewords" / row["path"], dtype="float32")
            path = directory / f"{word}-{Path(row['path']).stem}.wav"
            soundfile.write(path, np.frombuffer(pcm(sound), "<i2"), rate)
            found.append((path, word, speech_end_s(np.clip(sound, -1, 1))))
    return found


def run(venv: Path, program: str, *arguments: str) -> tuple[str, int, Iterator[dict[str, Any]]]:
    """Versions of what the rig's environment holds, the verdict of its program, and the lines that it told."""
    python = str(venv / "bin" / "python")
    versions = subprocess.run([python, "-c", VERSIONS], capture_output=True, text=True, check=True).stdout.strip()
    command = [python, str(PEERS / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return versions, done.returncode, (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))


def section() -> list[str]:
    """A row for each client that is set up."""
    lines = [
        f"{CLIPS} clips, one after the other in real time. ms, median / 95 % / largest, from the end of the word to",
        "what the client itself tells of it: Home Assistant its `wake_word-end`, a satellite its `run-pipeline`. Both",
        "hand over 64 ms of sound at a time, and Home Assistant waits for one more piece after the hit.",
        "",
        "| client | what it did | woken | word's end to wake-up |",
        "|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        clips = write_clips(Path(name))
        keywords = "".join(f"{word}\n" for word in WORDS)
        with serving(Path(name), MODEL, keywords=keywords) as service:
            address = f"127.0.0.1:{service.port}"
            if venv := rig("home_assistant"):
                given = [f"{path}={word}@{end_s:.3f}" for path, word, end_s in clips]
                versions, _, told = run(venv, "home_assistant/run.py", "--wake", address, *given)
                heard = [each for each in told if each["type"] == "clip"]
                delays = [each["after_word_end_ms"] for each in heard if each["ok"]]
                what = "added by its config flow; pipeline from wake word to intent"
                lines.append(f"| {versions} | {what} | {len(delays)} of {CLIPS} | {percentiles(delays)} |")
            for venv in filter(None, map(rig, SATELLITES)):
                given = [part for path, word, _ in clips for part in ("--wav", str(path), "--expect", word)]
                versions, _, told = run(venv, "satellite/run.py", "--wake", address, *given)
                delays = [each["after_word_end_ms"] for each in told if each["type"] == "woken"]
                lines.append(f"| {versions} | one stream | {len(delays)} of {CLIPS} | {percentiles(delays)} |")
            if venv := rig(SATELLITES[0]):
                given = [f"{path}={word}" for path, word, _ in clips[:: CLIPS // len(WORDS)]]
                versions, code, told = run(venv, "satellite/client.py", address, *given)
                checks = [each for each in told if "ok" in each and "check" in each]
                passed = sum(each["ok"] for each in checks)
                lines.append(
                    f"| client.py of that rig, {versions} | {passed} of {len(checks)} checks passed, exit {code} | | |"
                )
    ours = ", ".join(f"{name} {version(name)}" for name in ("wyoming", "zeroconf", "aiomqtt", "prometheus_client"))
    return [*lines, "", f"With {ours} on this side; everywhere on this page, {mosquitto_version()}."]


def mosquitto_version() -> str:
    """Of the broker that is installed."""
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    return subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout.partition("\n")[0]
