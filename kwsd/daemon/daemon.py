"""The daemon as a whole: what it is made of, how it starts, what ends it, and in what order it stops."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kwsd.audio.source import Source
from kwsd.config.settings import Service as ServiceSettings
from kwsd.daemon.background import in_background
from kwsd.daemon.capture import Capture
from kwsd.daemon.commands import Desk
from kwsd.daemon.decode import Decoding
from kwsd.daemon.engine import Engine
from kwsd.daemon.inbox import AudioQueue
from kwsd.daemon.keyword_update import KeywordDesk
from kwsd.daemon.listen_socket import Door
from kwsd.daemon.memory import collect_garbage
from kwsd.daemon.reporter import Reporter
from kwsd.daemon.state import Standing
from kwsd.daemon.systemd import Notifier
from kwsd.daemon.watchdog import Health
from kwsd.events import Event
from kwsd.keywords.files import KeywordList
from kwsd.keywords.watch_file import watch
from kwsd.outlets.bus import Bus
from kwsd.outlets.clips import Clips
from kwsd.outlets.exec import Hook
from kwsd.outlets.peer import group_id
from kwsd.outlets.recent_audio import Ring
from kwsd.outlets.saver import Saver
from kwsd.outlets.socket_server import Server
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

RING_S = 10.0
CAPTURE_STOPS_S = 0.3  # from SIGTERM to the end it takes 1 s at most, these three together
DECODING_STOPS_S = 0.4
FLUSH_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a daemon is made from."""

    settings: ServiceSettings
    model: str
    """What `hello` calls the model."""
    engine: Engine
    keyword_file: Path | None
    """None where the engine's own words are all there is."""
    read_keywords: Callable[[], KeywordList]
    """Reads the keyword file again."""
    open_source: Callable[[], Source]
    microphone: str
    """What to call the source until it is open."""
    reopens: bool
    """Whether the source is a microphone: reopened when it fails, and never waited for."""
    on_event: Callable[[Event], None] | None = None
    """Told of every event, on the event loop; must not block."""
    connect: Callable[[Bus, Reporter], None] | None = None
    """Called once before the start, so that the engine can be given somebody to tell of near misses and the like."""


class Daemon:
    """One run, from the first thread to the last. Make it inside a running event loop."""

    def __init__(self, plan: Plan, door: Door, notifier: Notifier) -> None:
        self._plan = plan
        self._door = door
        self._notifier = notifier
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.bus = Bus(self._loop)
        self.standing = Standing(model=plan.model, microphone=plan.microphone)
        self._make_parts()

    def _make_parts(self) -> None:
        """In the order in which sound passes them."""
        plan, settings = self._plan, self._plan.settings
        reporter = Reporter(self.standing, self.bus, self._notifier)
        if plan.connect is not None:
            plan.connect(self.bus, reporter)
        self.queue = AudioQueue(samples(settings.backlog_s), dropping=plan.reopens)
        self.capture = Capture(plan.open_source, self.queue, reporter, reopens=plan.reopens)
        self.keywords = KeywordDesk(
            plan.engine, plan.read_keywords, lambda: self.queue.put_sign(is_progress=False), reporter
        )
        self.health = Health(reporter, self._notifier, self._loop)
        self._keep_sound()
        self.decoding = Decoding(
            self.queue,
            plan.engine,
            self.bus,
            reporter,
            self.health,
            ring=self._ring,
            between_chunks=self.keywords.between_chunks,
        )
        self._hook = self._make_hook()
        desk = Desk(
            standing=self.standing,
            capture=self.capture,
            queue=self.queue,
            engine=plan.engine,
            keywords=self.keywords,
            bus=self.bus,
            clips=self._clips,
        )
        group = None if settings.command_group is None else group_id(settings.command_group, "command_group")
        self._server = Server(self.bus, desk.hello, desk.carry_out, group)

    def _keep_sound(self) -> None:
        """The ring, only if somebody may be given sound out of it."""
        settings = self._plan.settings
        self._saver = None
        if settings.save_detections is not None:
            directory = settings.save_detections.expanduser()
            self._saver = Saver(directory, limit_mb=settings.save_limit_mb, limit_days=settings.save_limit_days)
        self._ring = Ring(RING_S) if settings.clips or self._saver else None
        self._clips = Clips(self._ring, self._saver) if self._ring else None
        if self._clips is not None:
            self.bus.listen(self._clips)

    def _make_hook(self) -> Hook | None:
        settings = self._plan.settings
        if settings.exec is None:
            return None
        hook = Hook(settings.exec, limit=settings.exec_limit, timeout_s=settings.exec_timeout_s)
        self.bus.listen(hook)
        return hook

    async def run(self) -> None:
        """Until a signal, the end of a file, or a failure, which is raised."""
        if self._plan.on_event is not None:
            self.bus.listen(self._plan.on_event)
        if self._door.socket is not None:
            await self._server.start(self._door.socket)
        self._heed_signals()
        self._start_tasks()
        decoding = self._start_thread("decoding", self._decode)
        capturing = self._start_thread("capture", self.capture.run)
        self._notifier.send(READY=1, STATUS=self.standing.summary())
        await self._ended.wait()
        await self._stop(capturing, decoding)
        if self._failure is not None:
            raise self._failure

    def end(self, failure: BaseException | None = None) -> None:
        """Begin to stop. On the event loop."""
        self._failure = self._failure or failure
        self._ended.set()

    def _decode(self) -> None:
        self.decoding.run()
        self._loop.call_soon_threadsafe(self.end)

    def _start_thread(self, name: str, work: Callable[[], None]) -> threading.Thread:
        """A thread that dies takes everything with it: never a process that is alive and deaf."""

        def run() -> None:
            try:
                work()
            except BaseException as failure:  # noqa: BLE001  it is raised again by `run`
                self._loop.call_soon_threadsafe(self.end, failure)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def _start_tasks(self) -> None:
        settings, desk = self._plan.settings, self.keywords
        works = [
            desk.reload_when_asked(self._say_reloading, self._say_ready),
            self.health.watch_silence(self.capture),
            self.health.send_heartbeats(self.bus, settings.heartbeat_s),
            collect_garbage(),
        ]
        if settings.watch_keywords and self._plan.keyword_file:
            works.append(watch(self._plan.keyword_file, desk.ask_reload, self._ended))
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.end(task.exception())

    def _say_reloading(self) -> None:
        self._notifier.send(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def _say_ready(self) -> None:
        self._notifier.send(READY=1, STATUS=self.standing.summary())

    def _heed_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.end)
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up, _has_terminal())

    def _hang_up(self, had_terminal: bool) -> None:
        """SIGHUP: reload, or end if it means that our terminal was closed."""
        if had_terminal and not _has_terminal():
            self.end()
        else:
            self.keywords.ask_reload()

    async def _stop(self, capturing: threading.Thread, decoding: threading.Thread) -> None:
        """No more sound, then no more events, then everybody is sent what is on its way, then the door is shut."""
        self._notifier.send(STOPPING=1, STATUS="stopping")
        for task in self._tasks:
            task.cancel()
        self.capture.stop()
        await in_background(lambda: capturing.join(CAPTURE_STOPS_S))
        self.queue.close(discard=True)
        await in_background(lambda: decoding.join(DECODING_STOPS_S))
        if self._door.socket is not None:
            await self._server.stop(FLUSH_S)
        if self._hook is not None:
            await self._hook.stop()
        if self._saver is not None:
            self._saver.close(FLUSH_S)
        self._door.close()
        if capturing.is_alive() or decoding.is_alive():
            logger.warning("a thread hangs, most likely in a driver; leaving it behind")


def run_daemon(plan: Plan, door: Door) -> None:
    """Run until a signal, or until a file or pipe ends.

    Raises:
        KwsdError: a setting is wrong, or the file or pipe cannot be read.
        Exception: whatever ended a thread that must not end.
    """
    asyncio.run(_run(plan, door))


async def _run(plan: Plan, door: Door) -> None:
    await Daemon(plan, door, Notifier()).run()


def _has_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    with suppress(OSError):
        return os.tcgetpgrp(0) >= 0
    return False
