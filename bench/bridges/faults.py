"""What is lost, and what is told twice, while something fails.

Daemon, `kwsd-mqtt`, mosquitto and `kwsd-wyoming` are the real ones; the model, and the voice, are the tests' tiny ones.
"""

import json
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bench.bridges.mqtt_faults import mqtt_faults
from bench.bridges.trouble import COMES_IN_S, GIGABYTE, HALF_OPEN, ROUNDS, Outcome, half_open, memory_mb, sending
from kwsd.client import Client
from measure.progress import say
from testkit.daemons import DaemonProcess, Plug, eventually, phrase, running
from testkit.tiny_model import build_tiny_model
from testkit.wyoming import WyomingProcess, serving

LISTENERS = 8
REPEATED_IN_S = 0.5
"""Whatever is told twice would come within."""


def chunk_head(payload_bytes: int, kind: str = "audio-chunk") -> bytes:
    """Of an event with the most bytes that a second of sound may have."""
    data = {"rate": 192_000, "width": 4, "channels": 8, "timestamp": None}
    return json.dumps({"type": kind, "data": data, "payload_length": payload_bytes}).encode() + b"\n"


class Speaker:
    """A client that goes on beside the trouble: says phrases, and counts what it is told."""

    def __init__(self, service: WyomingProcess) -> None:
        self.told = 0
        self._client = service.client()
        self._client.socket.settimeout(None)
        self._client.start(["light_on"])
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        with suppress(OSError):
            while (event := self._client.read()) is not None:
                self.told += event.type == "detection"

    def say(self) -> None:
        """Its phrase, all at once."""
        self._client.say("LIGHT ON")

    def leave(self) -> None:
        """In the middle of sound."""
        self._client.socket.shutdown(socket.SHUT_RDWR)
        self._client.close()


def speak(speakers: Sequence[Speaker], fault: str, service: WyomingProcess, before_mb: float) -> Outcome:
    """Each says its phrase a few times."""
    before = [speaker.told for speaker in speakers]
    for _ in range(ROUNDS):
        for speaker in speakers:
            speaker.say()

    def told() -> list[int]:
        return [speaker.told - was for speaker, was in zip(speakers, before, strict=True)]

    eventually(lambda: min(told()) >= ROUNDS, COMES_IN_S)
    time.sleep(REPEATED_IN_S)
    repeated = sum(max(0, each - ROUNDS) for each in told())
    grown_mb = memory_mb(service.process.pid, "VmHWM") - before_mb
    return Outcome(fault, ROUNDS * len(speakers), sum(told()), repeated, grown_mb)


def wyoming_faults(directory: Path, model: Path) -> Iterator[Outcome]:
    """Each beside eight clients that go on."""
    with serving(directory, model) as service:
        speakers = [Speaker(service) for _ in range(LISTENERS)]
        speak(speakers, "", service, 0)  # warm
        before_mb = memory_mb(service.process.pid)
        told = []
        for _ in range(ROUNDS):
            home_assistant = Speaker(service)
            home_assistant.say()
            eventually(lambda one=home_assistant: one.told, COMES_IN_S)  # type: ignore[misc]
            time.sleep(REPEATED_IN_S)
            told.append(home_assistant.told)
            home_assistant.leave()
        grown_mb = memory_mb(service.process.pid, "VmHWM") - before_mb
        repeated = sum(max(0, each - 1) for each in told)
        yield Outcome("Home Assistant gone in mid-stream, and back", ROUNDS, sum(told), repeated, grown_mb)
        with half_open(service.raw):
            began_s = time.monotonic()
            eventually(lambda: is_served(service), COMES_IN_S)
            remark = f"another client is let in after {1000 * (time.monotonic() - began_s):.0f} ms"
            heard = speak(speakers, f"{HALF_OPEN} half-open clients", service, before_mb)
            yield replace(heard, remark=remark)
    gigabytes = (
        ("1 GB announced as one payload", chunk_head(GIGABYTE), 1 << 20),
        ("1 GB of sound, as fast as it is taken", chunk_head(960_000), 960_000),
        ("1 GB of events that are for other services", chunk_head(960_000, "synthesize"), 960_000),
    )
    for fault, head, size in gigabytes:
        with serving(directory, model) as service:
            speakers = [Speaker(service) for _ in range(LISTENERS)]
            speak(speakers, "", service, 0)
            before_mb = memory_mb(service.process.pid)
            with sending(service.raw, head, size) as sent:
                heard = speak(speakers, fault, service, before_mb)
            grown_mb = memory_mb(service.process.pid, "VmHWM") - before_mb
            yield replace(heard, grown_mb=grown_mb, remark=f"{sent[0] / 1e6:.0f} MB were taken")


def is_served(service: WyomingProcess) -> bool:
    """Whether one more client is answered."""
    with suppress(OSError, AssertionError), service.client() as client:
        return bool(client.names())
    return False


def socket_faults(directory: Path, model: Path) -> Iterator[Outcome]:
    """The same at the daemon's own socket, beside a program that listens with `kwsd.client`."""
    plug = Plug(directory)
    plug.plug_in()
    with running(directory, model) as daemon:

        def connect() -> socket.socket:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(daemon.socket_path))
            return connection

        heard: list[tuple[str, int]] = []
        threading.Thread(target=follow, args=(daemon, heard), daemon=True).start()
        plug.say_all(phrase("LIGHT ON"))  # the first hit needs memory of its own
        eventually(lambda: heard, COMES_IN_S)
        before_mb = memory_mb(daemon.process.pid)
        for fault, trouble in (
            (f"{HALF_OPEN} half-open clients at the daemon's socket", half_open(connect)),
            ("1 GB sent to the daemon's socket by one client", sending(connect, b"", 1 << 20)),
        ):
            heard.clear()
            with trouble:
                for _ in range(ROUNDS):
                    plug.say_all(phrase("LIGHT ON"))
                eventually(lambda: len(heard) >= ROUNDS, COMES_IN_S)
            grown_mb = memory_mb(daemon.process.pid, "VmHWM") - before_mb
            yield Outcome(fault, ROUNDS, len(heard), len(heard) - len(set(heard)), grown_mb)


def follow(daemon: DaemonProcess, heard: list[tuple[str, int]]) -> None:
    """Note what a program is told."""
    heard.extend((event["time"], event["id"]) for event in Client(daemon.socket_path, types=["detection"]))


def section() -> list[str]:
    """A row for each fault."""
    lines = [
        f"The clients of Wyoming are {LISTENERS} beside the one that makes trouble, and each says {ROUNDS} phrases.",
        "",
        "| fault | phrases said | events told | lost | repeated | most memory, MB more | |",
        "|---|---|---|---|---|---|---|",
    ]
    for faults in (mqtt_faults, wyoming_faults, socket_faults):
        with tempfile.TemporaryDirectory() as name:
            model = build_tiny_model(Path(name) / "model")
            for outcome in faults(Path(name), model):
                lines.append(
                    f"| {outcome.fault} | {outcome.said} | {outcome.told} | {outcome.lost} | {outcome.repeated} "
                    f"| {outcome.grown_mb:.1f} | {outcome.remark} |"
                )
                say(lines[-1])
    return lines
