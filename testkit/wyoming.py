"""A running `kwsd-wyoming`, and a client of it that says things in the tiny model's voice."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Self, cast

import numpy as np
from numpy.typing import NDArray
from wyoming.event import Event, read_event, write_event

from testkit.commands import clean_environment
from testkit.daemons import eventually
from testkit.tiny_model import speak

PROGRAM = str(Path(sys.executable).with_name("kwsd-wyoming"))
KEYWORDS = "LIGHT ON\nTURN OFF @dark please\nHEY LIGHT\n"
RATE = 16_000


class WyomingProcess:
    """The service on a port of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.port = 0
        self._log = log

    @property
    def log(self) -> str:
        """What it said on stderr so far."""
        return self._log.read_text()

    def client(self) -> "WyomingClient":
        """A connection."""
        return WyomingClient(self.port)

    def raw(self) -> socket.socket:
        """A connection for what is no Wyoming."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def memory_mb(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def serving(
    directory: Path,
    model: Path,
    *arguments: str,
    keywords: str = KEYWORDS,
    environment: Mapping[str, str] | None = None,
) -> Iterator[WyomingProcess]:
    """The service with `directory/keywords.txt`, killed at the end if it still runs."""
    (directory / "keywords.txt").write_text(keywords)
    own = ("--keywords", str(directory / "keywords.txt"), "--model", str(model))
    with _started(directory, *own, *arguments, log="log", environment=environment) as service:
        yield service


@contextmanager
def satellite(directory: Path, *arguments: str) -> Iterator[WyomingProcess]:
    """`kwsd-wyoming --satellite`, beside the daemon whose socket is directory/s; killed at the end."""
    own = ("--satellite", "kitchen", "--socket", str(directory / "s"))
    with _started(directory, *own, *arguments, log="satellite.log") as service:
        yield service


@contextmanager
def _started(
    directory: Path, *arguments: str, log: str, environment: Mapping[str, str] | None = None
) -> Iterator[WyomingProcess]:
    """The program on any port, which its log tells."""
    command = [PROGRAM, "--uri", "tcp://127.0.0.1:0", "-v", *arguments]
    with (directory / log).open("wb") as told:
        process = subprocess.Popen(command, stderr=told, env=clean_environment(directory, environment))
    service = WyomingProcess(process, directory / log)
    try:
        assert eventually(lambda: ", port " in service.log or process.poll() is not None, 20)
        assert process.poll() is None, service.log
        service.port = int(service.log.partition(", port ")[2].split()[0])
        yield service
    finally:
        process.kill()
        process.wait()


class WyomingClient:
    """One connection, with the library's own reader and writer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=15)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as asyncio has it, and so both real clients
        self._file = cast("BinaryIO", self.socket.makefile("rwb"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            self._file.close()
        self.socket.close()

    def send(self, kind: str, payload: bytes | None = None, **data: Any) -> None:
        """One event."""
        write_event(Event(kind, data, payload), self._file)

    def read(self) -> Event | None:
        """The next event; None when the service has hung up."""
        try:
            return read_event(self._file)
        except ConnectionError:
            return None

    def read_data(self, kind: str) -> dict[str, Any]:
        """The data of the next event, which has to be of this kind."""
        event = self.read()
        assert event is not None, "hung up"
        assert event.type == kind, event
        return event.data

    def names(self) -> list[str]:
        """Wake words, as `info` lists them."""
        self.send("describe")
        return [model["name"] for model in self.read_data("info")["wake"][0]["models"]]

    def start(self, names: list[str] | None = None) -> None:
        """Choose names and begin a stream."""
        self.send("detect", names=names)
        self.send("audio-start", rate=RATE, width=2, channels=1)

    def say(self, text: str, **how: Any) -> None:
        """A phrase with silence around it, all at once or as `hear` is told."""
        self.hear(speak(text, lead_s=0.3, tail_s=1.5), **how)

    def hear(
        self, samples: NDArray[np.float32], *, piece: int = 1024, unit_hz: float | None = None, origin: int = 0
    ) -> None:
        """Sound in chunks of `piece` samples, stamped in units of 1 / `unit_hz` seconds from `origin` on."""
        data = pcm(samples)
        for start in range(0, len(samples), piece):
            stamp = None if unit_hz is None else origin + round(start / RATE * unit_hz)
            chunk = data[2 * start : 2 * (start + piece)]
            self.send("audio-chunk", chunk, rate=RATE, width=2, channels=1, timestamp=stamp)

    def detection(self) -> str:
        """The name in the next event, which has to be a detection."""
        return str(self.read_data("detection")["name"])


def pcm(samples: NDArray[np.float32]) -> bytes:
    """As s16le."""
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def rig(name: str) -> Path | None:
    """The virtual environment of a rig of ../shared/peers, where somebody has set it up below $KWSD_RIGS."""
    home = os.environ.get("KWSD_RIGS")
    path = Path(home) / name if home else None
    return path if path and (path / "bin" / "python").exists() else None
