"""The wake service as a process: listens, lets in, reloads, ends."""

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from kwsd.acoustic.model import Model
from kwsd.bridges.wyoming.access import Access, watch_peer
from kwsd.bridges.wyoming.client import ServiceParts, WakeClient
from kwsd.bridges.wyoming.decode import DecodePool
from kwsd.bridges.wyoming.frames import FrameLimits, to_bytes
from kwsd.bridges.wyoming.names import WakeWords
from kwsd.config.settings import Settings
from kwsd.config.wyoming import Wyoming
from kwsd.errors import ConfigError, KwsdError, first_few
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.watch_file import watch
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

ANY = {"0.0.0.0", "::"}  # noqa: S104 - only compared

MAKES_WAY_S = 60.0
"""How long a client that has spoken must have been silent to lose its place to another when all are taken."""


class WakeService:
    """One run. Make it before the event loop, so that what is wrong with the settings is told before anything opens."""

    def __init__(self, settings: Settings, keyword_file: Path) -> None:
        """Load model and keywords. Raises ConfigError."""
        self._settings = settings
        self._keyword_file = keyword_file
        self._model = Model.load(settings.model, settings.chunk_ms)
        self._words = self._read()
        own = settings.wyoming
        self._address = host_and_port(own.uri)
        self._access = Access(own.allow)
        self._aside = ThreadPoolExecutor(1, "keywords")
        self._connections: set[WakeClient] = set()
        self._info = to_bytes(self._words.info(own.languages))
        self._service = ServiceParts(
            pool=DecodePool(self._model, settings.search),
            words=lambda: self._words,
            info=lambda: self._info,
            aside=self._aside,
            limits=FrameLimits(
                line_bytes=own.max_line_bytes,
                data_bytes=own.max_data_bytes,
                payload_bytes=own.max_payload_bytes,
                finished_in_s=own.stalled_s,
            ),
            buffered_samples=samples(own.buffered_s),
        )

    def _read(self) -> WakeWords:
        found = read_keyword_file(self._keyword_file, self._model.tokenizer)
        for problem in first_few(map(str, found.problems)):
            logger.warning("%s", problem)
        return WakeWords(found.keywords, self._model, self._settings.search)

    async def run(self, announce: Callable[[int], Coroutine[Any, Any, None]] | None = None) -> None:
        """Until SIGTERM or SIGINT; SIGHUP, or a change of the file, has the keywords read again.

        `announce` runs beside it, given the port. Raises KwsdError: the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        ended, asked = asyncio.Event(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        loop.add_signal_handler(signal.SIGHUP, asked.set)
        server = await self.listen()
        port = server.sockets[0].getsockname()[1]
        logger.info("serving %d wake words, port %d", len(self._words.names), port)
        host = "of this machine" if self._address[0] in ANY else self._address[0]
        logger.info("in Home Assistant: add the integration Wyoming Protocol, host %s, port %d", host, port)
        works = [self.reload_when(asked), watch(self._keyword_file, asked.set, ended)]
        if announce is not None:
            works.append(announce(port))
        tasks = [asyncio.ensure_future(work) for work in works]
        await ended.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # the announcement is withdrawn
        for connection in tuple(self._connections):
            connection.close()

    async def listen(self) -> asyncio.Server:
        """Open the port. Raises KwsdError."""
        host, port = self._address
        try:
            return await asyncio.start_server(self.accept, host, port, limit=self._service.limits.line_bytes)
        except OSError as error:
            raise KwsdError(f"cannot listen on {host}, port {port}: {error.strerror}; give another --uri") from None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected: serve it, if it may be here and there is room."""
        if not self._access.admits(writer):
            return
        peer = writer.get_extra_info("peername")
        if len(self._connections) >= self._settings.wyoming.max_clients and not self.make_way():
            logger.warning("%s is turned away: there are %d clients", peer[0], len(self._connections))
            writer.transport.abort()
            return
        watch_peer(writer.get_extra_info("socket"))
        connection = WakeClient(reader, writer, self._service)
        self._connections.add(connection)
        try:
            await connection.serve()
        except asyncio.CancelledError:  # the end of the loop, which asyncio would log as a fault
            logger.debug("%s is left", connection.peer)
        except Exception as error:
            wanted = error if logger.isEnabledFor(logging.DEBUG) else None  # no traceback unless asked for
            logger.error("serving %s failed: %s: %s", connection.peer, type(error).__name__, error, exc_info=wanted)  # noqa: TRY400
        finally:
            self._connections.discard(connection)

    def make_way(self) -> bool:
        """Whether one could be sent away for another: who never said anything, or else has been silent for long."""
        quietest = min(self._connections, key=lambda connection: (connection.has_spoken, connection.heard_from_at_s))
        if quietest.has_spoken and monotonic() - quietest.heard_from_at_s < MAKES_WAY_S:
            return False
        self._connections.discard(quietest)
        quietest.close()
        return True

    async def reload_when(self, asked: asyncio.Event) -> None:
        """For ever. A list that cannot be used leaves the old one in force."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                words = await asyncio.get_running_loop().run_in_executor(self._aside, self._read)
            except ConfigError as error:
                logger.error("the old keywords stay in force: %s", error)  # noqa: TRY400 - it is the user's, not ours
                continue
            self._words, self._info = words, to_bytes(words.info(self._settings.wyoming.languages))
            for connection in tuple(self._connections):
                await connection.rearm()
            logger.info("wake words in force: %d", len(words.names))


def host_and_port(uri: str) -> tuple[str, int]:
    """Of tcp://HOST:PORT, an address of IPv6 in brackets."""
    host, _, port = uri.removeprefix("tcp://").rpartition(":")
    return host.strip("[]"), int(port)


def announcer(settings: Wyoming) -> Callable[[int], Coroutine[Any, Any, None]] | None:
    """What announces a port, where that is wanted."""
    if settings.zeroconf is None:
        return None
    from kwsd.bridges.wyoming.announce import announce_service  # noqa: PLC0415 - few want it, and it takes 100 ms

    return partial(announce_service, settings.zeroconf, host_and_port(settings.uri)[0])


def serve(settings: Settings, keyword_file: Path) -> int:
    """Run until a signal; the exit code. Raises KwsdError."""
    service = WakeService(settings, keyword_file)
    asyncio.run(service.run(announcer(settings.wyoming)))
    return 0
