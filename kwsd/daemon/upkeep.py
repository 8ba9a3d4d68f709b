"""What is looked after while the daemon runs: once a second, twice a second, or less. On the event loop."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from kwsd.daemon.background import in_background
from kwsd.daemon.keyword_update import KeywordUpdate
from kwsd.daemon.listen_socket import ListenSocket
from kwsd.daemon.source import DaemonSource
from kwsd.daemon.source_state import Decoded
from kwsd.daemon.source_summary import summary
from kwsd.daemon.systemd import Notifier
from kwsd.events import Heartbeat, MicLost
from kwsd.keywords.watch_file import LOOK_S, FileWatch
from kwsd.outlets.bus import Bus
from kwsd.outlets.socket_server import SocketServer

logger = logging.getLogger(__name__)

SILENT_S = 6.0  # without sound and without an error for so long, the driver hangs; its own limit is 5 s
SLEPT_S = 2.0  # a look that comes so late tells of a machine that was stopped: what looked at it was, too
LOOK_AT_SOCKET_S = 5.0

Work = Coroutine[Any, Any, None]


class Upkeep:
    """Each method that returns a coroutine gives a task that never ends."""

    def __init__(self, bus: Bus, sources: Sequence[DaemonSource], notifier: Notifier) -> None:
        self._bus = bus
        self._sources = sources
        self._notifier = notifier
        self._said = ""
        self._reloading, self._reload_waits = asyncio.Lock(), False

    def say_ready(self) -> None:
        """Tell the service manager that all is as its status says."""
        self._said = summary(self._sources)
        self._notifier.send(READY=1, STATUS=self._said)

    async def reload_for_manager(self) -> None:
        """As SIGHUP asks for, unless a reload that has yet to begin does it. Raises CommandError: a list stays."""
        if self._reload_waits:
            return
        self._reload_waits = True
        async with self._reloading:
            self._reload_waits = False
            self._notifier.send(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
            try:
                reloads = [source.keywords.reload() for source in self._sources]
                for failure in await asyncio.gather(*reloads, return_exceptions=True):
                    if isinstance(failure, BaseException):
                        raise failure
            finally:
                self.say_ready()

    def state(self) -> Work:
        """Losses that have ended, a microphone that gives neither sound nor an error, what the manager is told."""
        looked_at_s = time.monotonic()

        def look() -> None:
            nonlocal looked_at_s
            slept, looked_at_s = time.monotonic() - looked_at_s > 1.0 + SLEPT_S, time.monotonic()
            for source in self._sources:
                source.bus.tell(Decoded(position_s=source.progress.position_s))
                silent_s = 0.0 if slept else looked_at_s - source.capture.heard_at_s
                if source.capture.reopens and source.state.source.is_open and silent_s > SILENT_S:
                    reason = f"no sound and no error from it for {SILENT_S:.0f} s"
                    source.bus.tell(MicLost(microphone="", reason=reason))
            said = summary(self._sources)
            if said != self._said:
                self._said = said
                self._notifier.send(STATUS=self._said)

        return every(1.0, look)

    def heartbeats(self, period_s: float) -> Work:
        """A sign of life for who subscribed to it."""

        def beat() -> None:
            for source in self._sources:
                age_s = round(time.monotonic() - source.progress.at_s, 3)
                state, position_s = source.state.source.state, source.progress.position_s
                source.bus.publish(Heartbeat(state=state, stream_time=position_s, progress_age_s=age_s))

        return every(period_s, beat)

    @staticmethod
    def socket(door: ListenSocket, server: SocketServer) -> Work:
        """A socket whose file somebody has removed is made anew."""

        def look() -> None:
            if door.renewed():
                server.listen(door.listener)

        return every(LOOK_AT_SOCKET_S, look)

    @staticmethod
    def keyword_file(watch: FileWatch, keywords: KeywordUpdate) -> Work:
        """A file with other content than was last read is read."""

        async def look() -> None:
            if await in_background(watch.new_digest) is not None:
                keywords.soon(keywords.follow)

        return every(LOOK_S, look)


async def every(period_s: float, look: Callable[[], Awaitable[None] | None]) -> None:
    """Look after something for ever. A look that fails is logged, and taken again."""
    failing = False
    while True:
        await asyncio.sleep(period_s)
        try:
            looked = look()
            if looked is not None:
                await looked
            failing = False
        except Exception:
            if not failing:
                logger.exception("what is done every %g s failed", period_s)
            failing = True
