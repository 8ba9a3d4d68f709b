"""What makes trouble for a service, and what came of it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

HALF_OPEN = 200
GIGABYTE = 1_000_000_000
ROUNDS = 5
"""Phrases for each fault, or from each client."""
COMES_IN_S = 15.0
GIVES_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one fault: phrases said to all listeners together, events told to them, of those the repeated ones."""

    fault: str
    said: int
    told: int
    repeated: int
    grown_mb: float
    """By how much the program's memory was ever larger than before; of the bridge where there is one."""
    remark: str = ""

    @property
    def lost(self) -> int:
        """Phrases of which nobody was told."""
        return self.said - (self.told - self.repeated)


def memory_mb(process_id: int, key: str = "VmRSS") -> float:
    """Of a running program; `VmHWM` is the most that it ever was."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in status if line.startswith(f"{key}:")).split()[1]) / 1000


@contextmanager
def half_open(connect: Callable[[], socket.socket]) -> Iterator[None]:
    """Clients that begin a line and never end it."""
    connections = []
    for _ in range(HALF_OPEN):
        with suppress(OSError):
            connections.append(connect())
            connections[-1].sendall(b'{"type": "audio-')
    try:
        yield
    finally:
        for connection in connections:
            connection.close()


@contextmanager
def sending(connect: Callable[[], socket.socket], head: bytes, payload_bytes: int) -> Iterator[list[int]]:
    """One client sends a gigabyte as events of so many bytes behind `head`; gives how much was taken, at the end."""
    sent = [0]
    payload = bytes(payload_bytes)

    def run() -> None:
        with suppress(OSError), connect() as connection:
            connection.settimeout(GIVES_UP_S)
            while sent[0] < GIGABYTE:
                connection.sendall(head)
                connection.sendall(payload)
                sent[0] += len(payload)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    yield sent
    thread.join(GIVES_UP_S)
