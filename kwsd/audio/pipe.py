"""Sound from a pipe: raw s16le, 16 kHz, mono, as `arecord -f S16_LE -r 16000 -c 1 -t raw` writes it."""

import logging
import os
import select
import sys
import threading
from collections.abc import Iterator

import numpy as np

from kwsd.audio.source import ChunkCounter, Samples
from kwsd.errors import AudioError
from kwsd.stream import Chunk

logger = logging.getLogger(__name__)

READ_BYTES = 65_536  # 2 s: a whole Linux pipe at once when there is so much; what is there is never waited upon
CLOSE_POLL_MS = 100  # how soon close() is noticed while nothing arrives
SAMPLE_BYTES = 2
FULL_SCALE = np.float32(1 / 32768)
HOW_TO_FEED = "arecord -q -f S16_LE -r 16000 -c 1 -t raw | kwsd --input - …"


class PipeSource:
    """A Source over an open file descriptor, which stays the caller's. What has arrived is given at once."""

    duration_s = None

    def __init__(self, descriptor: int, name: str = "stdin") -> None:
        self.name = name
        self._descriptor = descriptor
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks as they arrive, until the other end closes; AudioError when reading fails."""
        counter = ChunkCounter(self.name)
        half = b""
        first = True
        while data := self._next_bytes():
            if first:
                _warn_of_header(self.name, data)
            first = False
            data = half + data
            half = data[len(data) - len(data) % SAMPLE_BYTES :]
            yield counter.chunk(_decode(data))
        if half:
            logger.warning("%s ended in the middle of a sample; its last byte is dropped", self.name)

    def close(self) -> None:
        """What has arrived is given, then iteration ends. Safe to call twice and from another thread."""
        self._closed.set()

    def _next_bytes(self) -> bytes:
        """Some bytes; none at the end or when closed."""
        try:
            return os.read(self._descriptor, READ_BYTES) if self._wait() else b""
        except OSError as error:
            raise AudioError(f"cannot read {self.name}: {error.strerror}; feed it so: {HOW_TO_FEED}") from error

    def _wait(self) -> bool:
        """Until there is something to read, the end included; False when closed and nothing is left."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        while True:
            closed = self._closed.is_set()  # before the look: what came before it was closed is heard
            if poll.poll(0 if closed else CLOSE_POLL_MS):
                return True
            if closed:
                return False


def stdin_source() -> PipeSource:
    """Standard input; AudioError when there is none, or when it is a terminal."""
    if sys.stdin is None or sys.stdin.closed:
        raise AudioError(f"stdin is closed; feed it so: {HOW_TO_FEED}")
    if sys.stdin.isatty():
        raise AudioError(f"stdin is a terminal, not sound; feed it so: {HOW_TO_FEED}")
    return PipeSource(sys.stdin.fileno())


def _decode(data: bytes) -> Samples:
    """s16le bytes → (n,) in -1 to 1; an odd last byte is left out."""
    return np.frombuffer(data, "<i2", len(data) // SAMPLE_BYTES).astype(np.float32) * FULL_SCALE


def _warn_of_header(name: str, data: bytes) -> None:
    if data.startswith((b"RIFF", b"fLaC", b"OggS", b"ID3")):
        logger.warning(
            "%s begins like an audio file, but is read as raw s16le, 16 kHz, mono; "
            "give a file by its name, or convert it: ffmpeg -i FILE -f s16le -ar 16000 -ac 1 - | kwsd --input - …",
            name,
        )
