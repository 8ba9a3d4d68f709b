"""Sound from a pipe: raw s16le, 16 kHz, mono, or any format that a file may have, known by how it begins."""

import logging
import os
import select
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from kwsd.audio.file import CONTAINERS, HEADER_BYTES, SoundSource, open_sound, raw_arguments, zero_lengths
from kwsd.audio.source import ChunkCounter
from kwsd.errors import AudioError
from kwsd.stream import Chunk

logger = logging.getLogger(__name__)

READ_BYTES = 65_536  # 2 s: a whole Linux pipe at once when there is so much; what is there is never waited upon
CLOSE_POLL_MS = 100  # how soon close() is noticed while nothing arrives
SAMPLE_BYTES = 2
MAGIC_BYTES = 4
BLOCK_S = 0.04  # of sound with a header: what has arrived is not kept waiting
FULL_SCALE = np.float32(1 / 32768)
HOW_TO_FEED = "arecord -q -f S16_LE -r 16000 -c 1 -t raw | kwsd --input - …"


class PipeSource:
    """A Source over an open file descriptor, which stays the caller's. What has arrived is given at once."""

    duration_s = None

    def __init__(
        self, descriptor: int, name: str = "stdin", channel: int | None = None, raw: str | None = None
    ) -> None:
        """`channel`, counted from 1, is taken of sound of several; `raw` says what comes without a header."""
        self.name = name
        self._descriptor = descriptor
        self._channel = channel
        self._raw_format = raw
        self._closed = threading.Event()
        self._failure: AudioError | None = None

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks as they arrive, until the other end closes; AudioError when reading fails."""
        data = self._next_bytes()
        while len(data) < MAGIC_BYTES and any(magic.startswith(data) for magic in CONTAINERS) and data:
            more = self._next_bytes()
            data += more
            if not more:
                break
        if data.startswith((b"fLaC", b"ID3")):  # in which libsndfile needs to seek: read to their end, then heard
            with tempfile.TemporaryFile() as file:
                self._copy(data, file.fileno())
                file.seek(0)
                yield from SoundSource(self.name, open_sound(self.name, os.dup(file.fileno())), self._channel)
        elif data.startswith(CONTAINERS):
            yield from self._pumped(data)
        elif self._raw_format is not None:
            yield from self._pumped(data, **raw_arguments(self._raw_format))
        else:
            yield from self._raw(data)

    def _raw(self, data: bytes) -> Iterator[Chunk]:
        if self._channel not in {None, 1}:
            raise AudioError(f"raw sound has no channel {self._channel}; write --raw s16le:16000:2 where it has two")
        counter = ChunkCounter(self.name)
        half = b""
        while data:
            data = half + data
            half = data[len(data) - len(data) % SAMPLE_BYTES :]
            yield counter.chunk(np.frombuffer(data, "<i2", len(data) // SAMPLE_BYTES).astype(np.float32) * FULL_SCALE)
            data = self._next_bytes()
        if half:
            logger.warning("%s ended in the middle of a sample; its last byte is dropped", self.name)

    def _pumped(self, begin: bytes, **raw: Any) -> Iterator[Chunk]:
        """Through libsndfile, as it arrives."""
        reading, writing = os.pipe()
        pump = threading.Thread(target=self._pump, args=(begin, writing), name="pipe", daemon=True)
        pump.start()
        yield from SoundSource(self.name, open_sound(self.name, reading, **raw), self._channel, BLOCK_S)
        if self._failure is not None:
            raise self._failure

    def _pump(self, begin: bytes, writing: int) -> None:
        try:
            self._copy(begin, writing)
        except AudioError as error:
            self._failure = error
        except BrokenPipeError:  # nobody reads any more
            pass
        finally:
            os.close(writing)

    def _copy(self, begin: bytes, target: int) -> None:
        """All that comes, with lengths that were never written as ones that nobody knows."""
        while begin.startswith(b"RIFF") and b"data" not in begin[:-8] and len(begin) < HEADER_BYTES:
            more = self._next_bytes()
            begin += more
            if not more:
                break
        header = bytearray(begin)
        for place in zero_lengths(begin):
            header[place : place + 4] = b"\xff" * 4
        data = bytes(header)
        while data:
            data = data[os.write(target, data) :] or self._next_bytes()

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


def stdin_source(channel: int | None = None, raw: str | None = None) -> PipeSource:
    """Standard input; AudioError when there is none, or when it is a terminal."""
    if sys.stdin is None or sys.stdin.closed:
        raise AudioError(f"stdin is closed; feed it so: {HOW_TO_FEED}")
    if sys.stdin.isatty():
        raise AudioError(f"stdin is a terminal, not sound; feed it so: {HOW_TO_FEED}")
    return PipeSource(sys.stdin.fileno(), channel=channel, raw=raw)
