"""The real `kwsd`, but with a microphone made of a socket and with faults that can be switched on from outside.

Everything of `kwsd` runs as always except PortAudio (tests with PulseAudio and ALSA have that). Usage:

    python kwsd_with_faults.py DIRECTORY [arguments of kwsd …]

In DIRECTORY, `microphone` is the Unix socket of a `Plug`; it is there or it is not. Files that may appear there:
`slow` (seconds to waste per 20 ms of sound), `hang` and `die` (what the decoding thread does next), `deaf` (no frames
come of the sound any more), `deaf NAME` (of that microphone). A device of `[[source]]` is the socket `NAME/microphone`.
"""

import os
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from kwsd.audio import sound_rate
from kwsd.audio.source import ChunkCounter
from kwsd.cli import kwsd as kwsd_command
from kwsd.daemon import capture, daemon, devices, level_watch, overload
from kwsd.daemon import spotters as daemon_spotters
from kwsd.errors import AudioError
from kwsd.events import Event
from kwsd.spotters import model_retry
from kwsd.spotters import open as spotters
from kwsd.stream import Chunk
from kwsd.timebase import samples

BLOCK_BYTES = 640  # 20 ms
NAME = "Fake USB microphone"


class SocketMicrophone:
    """A Source that hears what a Plug says; AudioError when it is pulled out."""

    duration_s = None

    def __init__(self, path: Path, name: str = NAME) -> None:
        self.name = name
        self._closed = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise AudioError(f'there is no microphone "{name}"; plug it in') from None

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks as they arrive."""
        counter, rest = ChunkCounter(self.name), b""
        while (data := self._read()) is not None:
            data = rest + data
            whole = len(data) - len(data) % 2
            rest = data[whole:]
            yield counter.chunk((np.frombuffer(data[:whole], "<i2") / 32768).astype(np.float32))

    def close(self) -> None:
        """Iteration ends."""
        self._closed.set()

    def _read(self) -> bytes | None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while not poll.poll(50):
            if self._closed.is_set():
                self._socket.close()
                return None
        if self._closed.is_set():
            self._socket.close()
            return None
        data = self._socket.recv(BLOCK_BYTES)
        if not data:
            self._socket.close()
            raise AudioError(f'"{self.name}" cannot be read any more; is it still plugged in?')
        return data


class FaultySpotter:
    """A Spotter that does as it is told by files."""

    def __init__(self, spotter: Any, directory: Path) -> None:
        self._spotter = spotter
        self._directory = directory
        self._deaf_from: int | None = None
        self._source = ""

    def push(self, chunk: Chunk) -> list[Event]:
        """Hear, after what the files say."""
        self._source = chunk.source or self._source
        if (self._directory / "die").exists():
            raise RuntimeError("told to die")
        while (self._directory / "hang").exists():
            time.sleep(0.05)
        slow = self._directory / "slow"
        if slow.exists() and len(chunk.samples):
            time.sleep(float(slow.read_text()) * len(chunk.samples) / 320)
        events: list[Event] = self._spotter.push(chunk)
        return events

    @property
    def heard_samples(self) -> int:
        """No frames come any more while it is deaf."""
        if not any((self._directory / name).exists() for name in ("deaf", f"deaf {self._source}")):
            self._deaf_from = None
        elif self._deaf_from is None:
            self._deaf_from = self._spotter.heard_samples
        return self._spotter.heard_samples if self._deaf_from is None else self._deaf_from

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spotter, name)


def main() -> int:
    """Run kwsd with its microphone and spotter exchanged."""
    directory = Path(sys.argv[1])
    real_opener, real_maker = capture.source_opener, spotters.spotter_maker

    def opener(name: str, *arguments: Any) -> Any:
        return (lambda: SocketMicrophone(directory / "microphone")) if name == "mic" else real_opener(name, *arguments)

    def named_opener(_: Any, device: str, _channel: Any) -> Any:
        return lambda: SocketMicrophone(directory / device / "microphone", device)

    def spotter_maker(*arguments: Any) -> Any:
        make = real_maker(*arguments)
        return lambda: FaultySpotter(make(), directory)

    retry_samples = samples(float(os.environ.get("TEST_RETRY_S", "60")))
    overload.RECOVERS_S = float(os.environ.get("TEST_RECOVERS_S", overload.RECOVERS_S))
    level_watch.ADVISED_S = float(os.environ.get("TEST_ADVISED_S", level_watch.ADVISED_S))
    sound_rate.WINDOW_S = float(os.environ.get("TEST_RATE_S", sound_rate.WINDOW_S))
    impatient = partial(model_retry.ModelRetry, retry_samples=retry_samples)
    with (
        patch.object(daemon, "source_opener", opener),
        patch.object(devices.Devices, "opener", named_opener),
        patch.object(daemon_spotters, "spotter_maker", spotter_maker),
        patch.object(model_retry, "ModelRetry", impatient),
    ):
        return kwsd_command.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
