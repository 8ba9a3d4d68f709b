"""A satellite of Home Assistant: what is said behind the daemon's keywords goes through its pipeline.

Home Assistant connects to it and stays; the orders come over the daemon's socket. Either may go and come back.
"""

import asyncio
import io
import logging
import signal
import wave
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from wyoming.asr import Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info, Satellite
from wyoming.ping import Ping, Pong
from wyoming.pipeline import PipelineStage
from wyoming.satellite import PauseSatellite, RunSatellite
from wyoming.snd import Played

from kwsd import __version__
from kwsd.bridges.wyoming.access import Access, watch_peer
from kwsd.bridges.wyoming.frames import FrameError, FrameLimits, read_event, to_bytes
from kwsd.bridges.wyoming.names import SOURCE
from kwsd.bridges.wyoming.orders import TYPES, OrderEvents
from kwsd.bridges.wyoming.player import Player
from kwsd.bridges.wyoming.server import ANY, announcer, host_and_port
from kwsd.bridges.wyoming.sound import SoundFormat
from kwsd.config.wyoming import Wyoming
from kwsd.errors import AudioError, KwsdError
from kwsd.protocol.client import GONE, AsyncClient
from kwsd.protocol.messages import Dropped
from kwsd.records import printable

logger = logging.getLogger(__name__)

MOST_UNREAD_BYTES = 1 << 20
"""Half a minute of an order; who leaves more unread is hung up on."""
MOST_ANSWER_BYTES = 32 << 20
"""Of sound: 12 minutes at 22,050 Hz. What is beyond is not played."""


class VoiceSatellite:
    """One run. All of it on the event loop."""

    def __init__(self, name: str, settings: Wyoming, socket: Path) -> None:
        """Raises ConfigError: there is no such player."""
        self._settings = settings
        self._access = Access(settings.allow)
        self._limits = FrameLimits(
            line_bytes=settings.max_line_bytes,
            data_bytes=settings.max_data_bytes,
            payload_bytes=settings.max_payload_bytes,
            finished_in_s=settings.stalled_s,
        )
        self._daemon = AsyncClient(socket, types=TYPES)
        self._player = None if settings.play is None else Player(settings.play)
        self._orders = OrderEvents(PipelineStage.HANDLE if self._player is None else PipelineStage.TTS)
        self._connections: set[asyncio.StreamWriter] = set()
        self._home: asyncio.StreamWriter | None = None
        """The connection that runs the pipeline."""
        self._hears: asyncio.StreamWriter | None = None
        """The one that was there when the order began; half of one is of no use."""
        self._answer: tuple[SoundFormat, bytearray] | None = None
        self._playing: set[asyncio.Task[None]] = set()
        satellite = Satellite(name=name, attribution=SOURCE, installed=True, description=name, version=__version__)
        self._info = Info(satellite=satellite).event()

    async def run(self, announce: Callable[[int], Coroutine[Any, Any, None]] | None = None) -> None:
        """Until SIGTERM or SIGINT; `announce` runs beside it, given the port.

        Raises KwsdError: the address cannot be had, or the daemon gives us no sound.
        """
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        host, port = host_and_port(self._settings.uri)
        try:
            server = await asyncio.start_server(self.accept, host, port, limit=self._limits.line_bytes)
        except OSError as error:
            raise KwsdError(f"cannot listen on {host}, port {port}: {error.strerror}; give another --uri") from None
        port = server.sockets[0].getsockname()[1]
        host = "of this machine" if host in ANY else host
        logger.info("in Home Assistant: add the integration Wyoming Protocol, host %s, port %d", host, port)
        tasks = [asyncio.ensure_future(work) for work in (self.follow_daemon(), ended.wait())]
        if announce is not None:
            tasks.append(asyncio.ensure_future(announce(port)))
        done, _ = await asyncio.wait(tasks[:2], return_when=asyncio.FIRST_COMPLETED)
        server.close()
        for task in (*tasks, *self._playing):
            task.cancel()
        await asyncio.gather(*tasks, *self._playing, return_exceptions=True)
        if self._player is not None:
            self._player.stop(signal.SIGKILL)
        for writer in tuple(self._connections):
            writer.close()
        for task in done:
            task.result()  # a refusal of the daemon's is raised

    async def follow_daemon(self) -> None:
        """Hand on what is said, as long as Home Assistant is there. Raises KwsdError: the daemon refuses."""
        async for record in self._daemon.records():
            if record is GONE or record["type"] == Dropped.type:
                self.tell(self._orders.lose())
            elif record["type"] in TYPES:
                self.tell(self._orders.take(record))

    def tell(self, events: Sequence[Event]) -> None:
        """Send, or say that there is nobody to send to. An order ends an answer that is playing."""
        for event in events:
            if event.type == "detection":
                if self._player is not None:
                    self._player.stop()
                self._hears = self._home
                if self._home is None:
                    logger.warning("an order behind %s is lost: Home Assistant is not connected", event.data["name"])
            if self._hears is not None:
                self.send(self._hears, event)

    def send(self, writer: asyncio.StreamWriter, event: Event) -> None:
        """Without waiting."""
        if writer.transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            logger.warning("Home Assistant does not read what it is sent: hanging up")
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(to_bytes(event))

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody has connected: serve them, if they may be here and there is room."""
        if not self._access.admits(writer):
            return
        peer = writer.get_extra_info("peername")
        if len(self._connections) >= self._settings.max_clients:
            logger.warning("%s is turned away: there are %d clients", peer[0], len(self._connections))
            writer.transport.abort()
            return
        watch_peer(writer.get_extra_info("socket"))
        self._connections.add(writer)
        try:
            while True:
                async with asyncio.timeout(None if writer is self._home else self._limits.finished_in_s):
                    event = await read_event(reader, self._limits)
                if event is None:
                    break
                self.heed(writer, event)
        except TimeoutError:
            logger.debug("%s says nothing, and does not run the pipeline: hanging up", peer[0])
        except FrameError as error:
            logger.info("%s %s: hanging up", peer[0], error)
        except OSError as error:
            logger.debug("%s is gone: %s", peer[0], error.strerror)
        except asyncio.CancelledError:  # the end of the loop, which asyncio would log as a fault
            logger.debug("%s is left", peer[0])
        finally:
            self._connections.discard(writer)
            if writer is self._home:
                self._home = None
                logger.info("Home Assistant has gone; orders are lost until it is back")
            writer.close()

    def heed(self, writer: asyncio.StreamWriter, event: Event) -> None:
        """What Home Assistant asks for, or tells of its pipeline. What is not for us is passed over."""
        if Describe.is_type(event.type):
            self.send(writer, self._info)
        elif Ping.is_type(event.type):
            text = event.data.get("text")
            self.send(writer, Pong(text=text if isinstance(text, str) else None).event())
        elif RunSatellite.is_type(event.type):
            self._home, self._answer = writer, None
            logger.info("Home Assistant is connected")
        elif writer is not self._home:
            logger.debug("a %.60s of who does not run the pipeline is passed over", event.type)
        elif PauseSatellite.is_type(event.type):
            self._home = None
            logger.info("Home Assistant pauses; orders are lost until it goes on")
        elif Transcript.is_type(event.type):
            logger.info("heard: %.500s", printable(str(event.data.get("text"))))
        elif Error.is_type(event.type):
            told = printable(f"{event.data.get('text')} ({event.data.get('code')})")
            logger.warning("Home Assistant's pipeline: %.500s", told)
        else:
            self.answer(writer, event)

    def answer(self, writer: asyncio.StreamWriter, event: Event) -> None:
        """Sound that Home Assistant wants played; an announcement waits until it is told that it was."""
        if AudioStart.is_type(event.type):
            try:
                self._answer = (SoundFormat.of(event.data), bytearray())
            except AudioError as error:
                self._answer = None
                logger.warning("Home Assistant sends an answer that cannot be played: %s", error)
                self.send(writer, Played().event())
        elif self._answer is None:
            logger.debug("a %.60s is passed over", event.type)
        elif AudioChunk.is_type(event.type):
            if len(self._answer[1]) < MOST_ANSWER_BYTES:
                self._answer[1].extend(event.payload or b"")
        elif AudioStop.is_type(event.type):
            (sound, pcm), self._answer = self._answer, None
            task = asyncio.create_task(self.play(writer, sound, bytes(pcm)))
            self._playing.add(task)
            task.add_done_callback(self._playing.discard)

    async def play(self, writer: asyncio.StreamWriter, sound: SoundFormat, pcm: bytes) -> None:
        """An answer, to its end."""
        if self._player is not None:
            file = io.BytesIO()
            with wave.open(file, "wb") as wav:
                wav.setparams((sound.channels, sound.width, sound.rate_hz, 0, "NONE", ""))
                wav.writeframes(pcm)
            await self._player.play(file.getvalue())
        self.send(writer, Played().event())


def serve_orders(name: str, settings: Wyoming, socket: Path) -> int:
    """Run until a signal; the exit code. Raises KwsdError."""
    satellite = VoiceSatellite(name, settings, socket)
    asyncio.run(satellite.run(announcer(settings)))
    return 0
