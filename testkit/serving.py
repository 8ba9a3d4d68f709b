"""A real socket server on a thread of its own, and clients that talk to it as any program would."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from kwsd.daemon.listen_socket import SocketFile
from kwsd.events import Detection
from kwsd.outlets.bus import Bus
from kwsd.outlets.socket_server import SocketServer
from kwsd.protocol.commands import Command, Status
from kwsd.protocol.messages import CommandError, Hello, Listened, Microphone


class Client:
    """One connection that speaks JSON lines."""

    def __init__(self, path: Path, timeout_s: float = 10.0) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout_s)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self._file = self.socket.makefile("rb")

    def read(self) -> dict[str, Any]:
        """The next record. Raises EOFError when the connection was closed."""
        line = self._file.readline()
        if not line:
            raise EOFError
        record: dict[str, Any] = json.loads(line)
        return record

    def read_until(self, kind: str) -> dict[str, Any]:
        """The next record of a type; others are passed over."""
        while (record := self.read())["type"] != kind:
            pass
        return record

    def send(self, **command: Any) -> None:
        """Send a command."""
        self.send_bytes(json.dumps(command).encode() + b"\n")

    def send_bytes(self, line: bytes) -> None:
        """Send whatever it is."""
        self.socket.sendall(line)

    def ask(self, **command: Any) -> dict[str, Any]:
        """Send a command and wait for its reply."""
        self.send(**command)
        return self.read_until("reply")

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self.socket.close()

    def __del__(self) -> None:
        self.socket.close()  # a test that fails must not make others fail

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Harness:
    """A server whose commands are recorded and answered with {}, or refused when `refusal` is set."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.loop = loop
        self.bus = Bus(loop)
        self.carried_out: list[Command] = []
        self.refusal = ""
        self.status: dict[str, Any] = {}
        """What `status` is answered with."""
        self.server = SocketServer(_hello, self._carry_out, command_group=None)
        self.bus.add(self.server)

    def client(self) -> Client:
        """A connection that has read its hello."""
        client = Client(self.path)
        assert client.read()["type"] == "hello"
        return client

    async def _carry_out(self, command: Command) -> dict[str, Any]:
        if self.refusal:
            raise CommandError(self.refusal)
        self.carried_out.append(command)
        return self.status if isinstance(command, Status) else {}


def _hello() -> Hello:
    microphone = Microphone(name="fake", open=True)
    return Hello(
        version="0",
        model="tiny",
        keywords=("a",),
        microphone=microphone,
        state="listening",
        degraded=False,
        source=Listened(kind="microphone", name="fake"),
    )


@contextmanager
def serving(path: Path) -> Iterator[Harness]:
    """A running server on `path`."""
    file = SocketFile(path, 0o660)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    harness = Harness(path, loop)
    loop.call_soon_threadsafe(harness.server.listen, file.socket)
    try:
        yield harness
    finally:
        asyncio.run_coroutine_threadsafe(harness.bus.close(0.2), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
        file.close()


def detection(number: int, keyword: str = "a") -> Detection:
    """A detection event with nothing special about it."""
    return Detection(
        id=number,
        keyword=keyword,
        phrase=keyword,
        start=1.0,
        end=1.5,
        score=0.9,
        min_score=0.8,
        threshold=0.3,
        tokens=("▁A",),
        timestamps=(1.0,),
        engine="zipformer",
        stream_time=2.0,
        latency_ms=500.0,
    )
