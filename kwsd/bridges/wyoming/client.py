"""One client: its events in, its detections out. Whatever it does costs nobody else anything."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from time import monotonic
from typing import Any, ClassVar

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe
from wyoming.ping import Ping, Pong
from wyoming.wake import Detect, Detection, NotDetected

from kwsd import events
from kwsd.bridges.wyoming.decode import DecodePool, Stream
from kwsd.bridges.wyoming.frames import FrameError, FrameLimits, read_event, to_bytes
from kwsd.bridges.wyoming.names import WakeWords, slug
from kwsd.bridges.wyoming.sound import ClientClock, Converter, SoundFormat
from kwsd.errors import AudioError
from kwsd.keywords.compile import CompiledKeywords
from kwsd.quick_dataclass import dataclass
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

MOST_UNREAD_BYTES = 256 * 1024
"""Answers that a client leaves unread beyond this end its connection; `info` waits for it to read, up to a limit."""
LONGEST_NAME = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceParts:
    """What all connections share."""

    pool: DecodePool
    words: Callable[[], WakeWords]
    """Those in force."""
    info: Callable[[], bytes]
    """The answer to `describe`, as it stands."""
    aside: Executor
    """Where sets for a choice of names are compiled."""
    limits: FrameLimits
    buffered_samples: int


class WakeClient:
    """The life of one. All of it on the event loop but `step_done`, which decoding threads call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, service: ServiceParts) -> None:
        self.peer = str((writer.get_extra_info("peername") or ("?",))[0])
        self.heard_from_at_s = monotonic()
        self.has_spoken = False
        """Whether there was one whole event."""
        self._reader = reader
        self._writer = writer
        self._service = service
        self._loop = asyncio.get_running_loop()
        self._names: frozenset[str] | None = None
        self._stream: Stream | None = None
        self._converter = Converter()
        self._clock = ClientClock()
        self._pushed_samples = 0
        self._has_hit = False
        self._has_asked = False
        self._room = asyncio.Event()

    async def serve(self) -> None:
        """Until the client leaves or has to. Events of other services are passed over."""
        try:
            async with asyncio.timeout(self._service.limits.finished_in_s) as first_event_in:
                while (event := await read_event(self._reader, self._service.limits)) is not None:
                    first_event_in.reschedule(None)
                    self.heard_from_at_s, self.has_spoken = monotonic(), True
                    handler = self._HANDLERS.get(event.type)
                    if handler is None:
                        logger.debug("%s sent %.60s, which is for other services", self.peer, event.type)
                    else:
                        await handler(self, event)
        except FrameError as error:
            logger.info("%s %s: hanging up", self.peer, error)
        except AudioError as error:
            logger.info("%s sends sound that cannot be heard: %s", self.peer, error)
            self._send(Error(text=str(error), code="audio-format").event())
        except TimeoutError:
            logger.info("%s says nothing, or reads nothing: hanging up", self.peer)
        except OSError as error:
            logger.debug("%s is gone: %s", self.peer, error.strerror)
        finally:
            self._end_stream()
            self.close()

    def close(self) -> None:
        """Hang up once what was written is sent; at once where the client does not read."""
        if self._writer.transport.get_write_buffer_size():
            self._loop.call_later(self._service.limits.finished_in_s, self._writer.transport.abort)
        with suppress(OSError):
            self._writer.close()

    async def rearm(self) -> None:
        """There is a new list of keywords: what is being said goes on being heard, for those of the same names.

        Who asked for the list is told the new one unasked. Satellites take it, and Home Assistant passes it over.
        """
        if self._has_asked:
            self._write(self._service.info())
        await self.take_up()

    async def take_up(self) -> None:
        """Have the stream search for what this client wants of the list in force."""
        stream = self._stream
        if stream is not None:
            stream.keywords = await self._wanted()

    async def _wanted(self) -> CompiledKeywords:
        """The set for the names that this client chose, of the list in force when it is ready."""
        while True:
            words = self._service.words()
            keywords = words.ready(self._names)
            if keywords is None:
                keywords = await self._loop.run_in_executor(self._service.aside, words.searched, self._names)
            if words is self._service.words():
                return keywords

    async def on_describe(self, _: Event) -> None:
        """What there is to be heard, as it stands now."""
        self._has_asked = True
        self._write(self._service.info())
        async with asyncio.timeout(self._service.limits.finished_in_s):
            await self._writer.drain()

    async def on_ping(self, event: Event) -> None:
        """Whether we are there."""
        text = event.data.get("text")
        self._send(Pong(text=text if isinstance(text, str) else None).event())
        async with asyncio.timeout(self._service.limits.finished_in_s):
            await self._writer.drain()

    async def on_detect(self, event: Event) -> None:
        """From now on this connection is told of these names alone; none means all."""
        names = event.data.get("names") or None
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise FrameError("sent detect with names that are no list of texts")
        words = self._service.words()
        if names is not None and (unknown := words.unknown(names)):
            logger.warning("%s asks for %.200s, which no keyword is called", self.peer, ", ".join(unknown))
        self._names = None if names is None else frozenset(name for name in names if len(name) <= LONGEST_NAME)
        await self.take_up()

    async def on_audio_start(self, _: Event) -> None:
        """A new stream: nothing that was heard before counts."""
        self._end_stream()
        self._converter, self._clock = Converter(), ClientClock()
        self._pushed_samples, self._has_hit = 0, False
        self._stream = self._service.pool.open(await self._wanted(), self.step_done)

    async def on_audio_chunk(self, event: Event) -> None:
        """Sound. A client that is faster than we are is read no further until there is room."""
        sound_format = SoundFormat.of(event.data)
        if self._stream is None:
            await self.on_audio_start(event)
        stream = self._stream
        assert stream is not None  # noqa: S101 - the line above has made it
        self._clock.note(self._pushed_samples, event.data.get("timestamp"))
        sound = self._converter.accept(event.payload or b"", sound_format)
        self._pushed_samples += len(sound)
        self._service.pool.push(stream, sound)
        while stream.waiting_samples > self._service.buffered_samples and not stream.ended:
            self._room.clear()
            await self._room.wait()

    async def on_audio_stop(self, _: Event) -> None:
        """What is still inside the decoder is told first; `tell` says so if nothing was."""
        if self._stream is not None:
            self._service.pool.finish(self._stream)
        elif not self._has_hit:
            self._send(NotDetected().event())

    def step_done(self, stream: Stream, detections: Sequence[events.Detection]) -> None:
        """On a decoding thread: have the event loop `tell`."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self.tell, stream, detections)

    def tell(self, stream: Stream, detections: Sequence[events.Detection]) -> None:
        """What a step of decoding has brought."""
        self._room.set()
        if stream is not self._stream:
            return
        for detection in detections:
            self._has_hit = True
            stamp = self._clock.stamp(samples(detection.end))
            self._send(Detection(name=slug(detection.keyword), timestamp=stamp).event())
            logger.debug("%s: %s at %.2f s, score %.2f", self.peer, detection.keyword, detection.end, detection.score)
        if stream.failed:
            self._send(Error(text="kwsd could not decode this sound", code="internal").event())
            self.close()
        elif stream.ended:
            self._stream = None
            if not self._has_hit:
                self._send(NotDetected().event())

    def _end_stream(self) -> None:
        if self._stream is not None:
            self._service.pool.close(self._stream)
            self._stream = None

    def _send(self, event: Event) -> None:
        self._write(to_bytes(event))

    def _write(self, data: bytes) -> None:
        if self._writer.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            logger.info("%s does not read its answers: hanging up", self.peer)
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self._writer.write(data)

    _HANDLERS: ClassVar[dict[str, Callable[["WakeClient", Event], Awaitable[Any]]]] = {
        Describe().event().type: on_describe,
        Ping().event().type: on_ping,
        Detect().event().type: on_detect,
        AudioStart(0, 0, 0).event().type: on_audio_start,
        AudioChunk(0, 0, 0, b"").event().type: on_audio_chunk,
        AudioStop().event().type: on_audio_stop,
    }
