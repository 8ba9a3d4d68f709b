"""The real daemon as a process of its own, a microphone to plug into it, and a service manager to report to."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from testkit.kwsd_with_faults import BLOCK_BYTES
from testkit.serving import Client
from testkit.tiny_model import speak

KWSD = str(Path(sys.executable).parent / "kwsd")
KWSCTL = str(Path(sys.executable).parent / "kwsctl")
PROGRAM = Path(__file__).parent / "kwsd_with_faults.py"
KEYWORDS = "LIGHT ON\nTURN OFF\nHEY LIGHT\n"
BLOCK_S = 0.02


class Plug:
    """A microphone that can be plugged in, pulled out and spoken into; in between it hears faint noise. Real time."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "microphone"
        self.connections = 0
        """Times it was opened."""
        self.is_open = False
        self.frozen = False
        """While set it gives nothing, and does not say so."""
        self.pace = 1.0
        """Of all sound so much comes; what is missing is gone without a word."""
        self.stuck = False
        """While set it gives one block for ever."""
        self._to_say = bytearray()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self.noise = np.random.default_rng(1).normal(0, 10, BLOCK_BYTES // 2).astype("<i2").tobytes()
        """Of one block; the next has the same samples in another order."""

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.pull_out()

    def plug_in(self) -> None:
        """From now on it can be opened."""
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen()
        self._listener = listener
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def pull_out(self) -> None:
        """Gone, in the middle of whatever it is doing."""
        listener, self._listener = self._listener, None
        self.path.unlink(missing_ok=True)
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        assert eventually(lambda: not self.is_open)

    def say(self, samples: NDArray[np.float32]) -> None:
        """Have it hear this, float32 (n,), after what it is hearing now."""
        with self._lock:
            self._to_say += (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()

    def forget(self) -> None:
        """Leave out what is not said yet."""
        with self._lock:
            self._to_say.clear()

    def say_all(self, samples: NDArray[np.float32]) -> None:
        """`say`, and wait until it is said."""
        self.say(samples)
        assert eventually(lambda: not self._to_say, len(self._to_say) / 32_000 + 10)

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while self._listener is listener:
                connection, _ = listener.accept()
                self.connections += 1
                self.is_open = True
                with connection, suppress(OSError):
                    self._hear(connection, listener)
                self.is_open = False

    def _hear(self, connection: socket.socket, listener: socket.socket) -> None:
        due_s = time.monotonic()
        while self._listener is listener:
            if not self.frozen:
                connection.sendall(self._next())
            due_s += BLOCK_S / self.pace
            time.sleep(max(0.0, due_s - time.monotonic()))

    def _next(self) -> bytes:
        with self._lock:
            said = bytes(self._to_say[:BLOCK_BYTES])
            del self._to_say[:BLOCK_BYTES]
        if not self.stuck:
            self.noise = np.random.default_rng().permutation(np.frombuffer(self.noise, "<i2")).tobytes()
        return said + self.noise[len(said) :]


class Manager:
    """What systemd is to a service: it is told things, with the time of each."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "notify"
        self.messages: list[tuple[float, dict[str, str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        threading.Thread(target=self._listen, daemon=True).start()

    def environment(self, watchdog_s: float | None = None) -> dict[str, str]:
        """For the service."""
        watchdog = {} if watchdog_s is None else {"WATCHDOG_USEC": str(int(watchdog_s * 1e6))}
        return {"NOTIFY_SOCKET": str(self.path)} | watchdog

    def times(self, key: str, value: str = "1") -> list[float]:
        """When it was told `key=value`, on the monotonic clock."""
        return [at for at, fields in self.messages if fields.get(key) == value]

    def last(self, key: str) -> str:
        """What it was told last; empty before the first time."""
        return next((fields[key] for _, fields in reversed(self.messages) if key in fields), "")

    def close(self) -> None:
        """The manager goes away."""
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                message = self._socket.recv(4096).decode()
                fields = dict(line.split("=", 1) for line in message.splitlines())
                self.messages.append((time.monotonic(), fields))


class DaemonProcess:
    """A running `kwsd`."""

    def __init__(self, process: subprocess.Popen[bytes], socket_path: Path, log: Path) -> None:
        self.process = process
        self.socket_path = socket_path
        self._log = log

    @property
    def log(self) -> list[str]:
        """Its lines on stderr so far."""
        return self._log.read_text().splitlines()

    def client(self) -> tuple[Client, dict[str, Any]]:
        """A connection and the hello it was given."""
        client = Client(self.socket_path, timeout_s=15)
        return client, client.read()

    def ask(self, **command: Any) -> dict[str, Any]:
        """One command on a connection of its own."""
        client, _ = self.client()
        with client:
            return client.ask(**command)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def wait(self, timeout_s: float = 10) -> int:
        """Its exit code, when it has ended."""
        return self.process.wait(timeout_s)


@contextmanager
def running(
    directory: Path,
    model: Path,
    *arguments: str,
    keywords: str = KEYWORDS,
    environment: Mapping[str, str] | None = None,
    program: tuple[str, ...] | None = None,
    wait: bool = True,
    **popen: Any,
) -> Iterator[DaemonProcess]:
    """A daemon in `directory` with socket `directory/s`, killed at the end if it still runs."""
    (directory / "keywords.txt").exists() or (directory / "keywords.txt").write_text(keywords)
    program = program or (sys.executable, str(PROGRAM), str(directory))
    own = ("--keywords", str(directory / "keywords.txt"), "--model", str(model), "--socket", str(directory / "s"))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*program, *own, *arguments],
            stderr=log,
            env={**os.environ, "XDG_STATE_HOME": str(directory / "state"), **(environment or {})},
            **popen,
        )
    daemon = DaemonProcess(process, directory / "s", directory / "log")
    try:
        if wait:
            assert eventually(lambda: process.poll() is not None or _answers(daemon), 20)
            assert process.poll() is None, daemon.log
        yield daemon
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def _answers(daemon: DaemonProcess) -> bool:
    try:
        with Client(daemon.socket_path) as client:
            return bool(client.read())
    except (OSError, EOFError):
        return False


def eventually(condition: Callable[[], object], timeout_s: float = 5.0) -> bool:
    """Whether it comes true in time."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def phrase(text: str) -> NDArray[np.float32]:
    """A phrase, with enough silence around it to be heard and decided."""
    return speak(text, lead_s=0.3, tail_s=1.0)
