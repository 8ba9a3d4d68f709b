"""The daemon as a whole: what it is made of, how it starts, what ends it, and in what order it stops."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from kwsd.audio.source import Source
from kwsd.config import Settings
from kwsd.config.sources import SourceSettings
from kwsd.daemon.background import in_background
from kwsd.daemon.capture import source_opener
from kwsd.daemon.devices import Devices
from kwsd.daemon.keyword_update import KeywordSource
from kwsd.daemon.listen_socket import ListenSocket
from kwsd.daemon.memory import collect_garbage
from kwsd.daemon.order_texts import transcribers_of
from kwsd.daemon.saved_state import StateFile, state_path
from kwsd.daemon.source import DaemonSource, Once
from kwsd.daemon.source_bus import NamedBus, OfSource
from kwsd.daemon.source_commands import SourceCommands
from kwsd.daemon.spotters import Spotters
from kwsd.daemon.systemd import Notifier
from kwsd.daemon.upkeep import Upkeep
from kwsd.outlets.bus import Bus
from kwsd.outlets.exec import ExecOutlet
from kwsd.outlets.peer import group_id
from kwsd.outlets.socket_server import SocketServer
from kwsd.outlets.stdout import StdoutOutlet, make_report, write_line
from kwsd.records import Record
from kwsd.spotters.interface import Spotter
from kwsd.spotters.open import Loader
from kwsd.timebase import samples
from kwsd.transcripts.open import Transcribers

logger = logging.getLogger(__name__)

HEARD_OUT_S = 1.0  # at SIGTERM: what was accepted is heard for so long; 4 s of sound take 0.1 s of one core
FLUSH_S, LEAST_S = 0.2, 0.1  # to tell, and to write; the latter where hearing out took all of its second
ENDED_TEXTS_S = 60.0
ENDED_FLUSH_S = 10.0  # where the sound itself has ended nobody is in a hurry


class Daemon:
    """One run, from the first thread to the last. Make it inside a running event loop."""

    def __init__(
        self,
        settings: Settings,
        device: str | int | None,
        door: ListenSocket | None,
        several: Sequence[SourceSettings] = (),
        load: Loader | None = None,
    ) -> None:
        """`several` microphones stand in for `device`, `load` for `Model.load`. Raises ConfigError: what is wrong."""
        self._service, self._door = settings.daemon, door
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.notifier = Notifier()
        self.bus = Bus(self._loop, self.apply)
        self._transcribers: Transcribers | None = None
        self._spotters = Spotters(load, several=bool(several))
        self._once = Once(
            feed=self.feed,
            watchdog_s=self.notifier.watchdog_s,
            loop=self._loop,
            outlets=lambda: {
                "subscribers": len(self.server.connections),
                "dropped_events": self.server.dropped,
                "skipped_commands": self.exec.skipped if self.exec else 0,
            },
            transcribers=partial(self.transcribers_of, settings),
        )
        inputs = inputs_of(settings, device, several)
        # each file is watched before any is read: what several hear is read once, and may be edited by then
        files = [StateFile(state_path(door.path, name) if door else None) for name, *_ in inputs]
        listed = [KeywordSource(of.keywords, saved) for (_, of, _), saved in zip(inputs, files, strict=True)]
        self.sources = [self.make_source(*each, keywords) for each, keywords in zip(inputs, listed, strict=True)]
        self.upkeep = Upkeep(self.bus, self.sources, self.notifier)
        self._add_outlets(settings)

    def make_source(
        self, name: str, settings: Settings, opener: Callable[[], Source], keywords: KeywordSource
    ) -> DaemonSource:
        """One of `inputs_of`, which hears these. Raises ConfigError: model or keywords are not usable."""
        return DaemonSource(
            name,
            settings,
            opener=opener,
            spotter=self._spotters.make(settings, keywords),
            saved=keywords.saved,
            keywords=keywords,
            bus=NamedBus(name, self.bus) if name else self.bus,
            once=self._once,
        )

    def transcribers_of(self, settings: Settings, spotter: Spotter) -> Transcribers | None:
        """One for all sources, with the model of the first."""
        if self._transcribers is None:
            self._transcribers = transcribers_of(settings.transcripts, spotter)
        return self._transcribers

    def apply(self, record: Record) -> Iterable[Record]:
        """To the state of the source that it is of; what is to be told because of it."""
        source = next(source for source in self.sources if source.name == record.source)
        return [replace(told, source=source.name) for told in source.state.apply(record)]

    def feed(self) -> None:
        """The watchdog, unless the slowest source has made no progress for as long as it waits."""
        oldest_s = min(source.progress.at_s for source in self.sources)
        if time.monotonic() - oldest_s <= (self.notifier.watchdog_s or 0.0):
            self.notifier.send(WATCHDOG=1)

    def _add_outlets(self, settings: Settings) -> None:
        service = self._service
        group = None if service.command_group is None else group_id(service.command_group, "command_group")
        commands = SourceCommands(self.sources)
        self.server = SocketServer(commands.hello, commands.carry_out, group)
        self.bus.add(self.server)
        for source in self.sources:
            for outlet in (source.keywords, source.clips, source.files):
                if outlet is not None:
                    self.bus.add(OfSource(source.name, outlet) if source.name else outlet)
        self.exec = None
        if service.exec is not None:
            recent = {source.name: source.recent for source in self.sources}
            self.exec = ExecOutlet(
                service.exec, limit=service.exec_limit, timeout_s=service.exec_timeout_s, recent=recent
            )
            self.bus.add(self.exec)
        self.bus.add(StdoutOutlet(make_report(as_json=settings.json, source=None, write=write_line)))

    async def run(self) -> None:
        """Until a signal, the end of a file, or a failure, which is raised."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.end)
        for number in (signal.SIGUSR1, signal.SIGUSR2):  # of a script that takes us for another: no reason to end
            self._loop.add_signal_handler(number, logger.warning, "%s means nothing here, SIGHUP reloads", number.name)
        self._loop.add_signal_handler(signal.SIGHUP, self._hang_up, _has_terminal())
        if self._door is not None:
            self.server.listen(self._door.listener)
        self._start_tasks()
        decoding, capturing = list[threading.Thread](), list[threading.Thread]()
        for source in self.sources:
            of = f" {source.name}" if source.name else ""
            decoding.append(self._start_thread(f"decode{of}", source.decoder.run, lambda: self.end(hurry=False)))
            capturing.append(self._start_thread(f"capture{of}", source.capture.run, lambda: None))
        self.upkeep.say_ready()

        await self._ended.wait()
        await self.stop(capturing, decoding)
        if self._failure is not None:
            raise self._failure

    async def stop(self, capturing: Sequence[threading.Thread], decoding: Sequence[threading.Thread]) -> None:
        """Hear out what was accepted, tell it, and close everything, within bounds."""
        self.notifier.send(STOPPING=1, STATUS="stopping")
        deadline_s = time.monotonic() + HEARD_OUT_S
        for source in self.sources:
            source.capture.stop(deadline_s)
        await in_background(lambda: _join((*capturing, *decoding), deadline_s))
        if any(thread.is_alive() for thread in decoding):
            unheard_ms = sum(source.inbox.discard() for source in self.sources) * 1000 // samples(1)
            logger.warning("%d ms of sound that waited are not heard any more", unheard_ms)
            await in_background(lambda: _join(decoding, time.monotonic() + FLUSH_S))

        def left_s(hurried_s: float, ended_s: float) -> float:
            """So long at most: where somebody hurries, of what hearing out did not need."""
            return min(hurried_s, deadline_s - time.monotonic()) if self._hurry else ended_s

        texts = [source.texts for source in self.sources if source.texts is not None]
        for each in texts:
            await in_background(partial(each.finish, left_s(FLUSH_S, ENDED_TEXTS_S)))
        if self._transcribers is not None:
            await in_background(self._transcribers.close)
        for source in self.sources:
            if source.order_files is not None:  # which tells once it has written
                await source.order_files.close(max(LEAST_S, left_s(FLUSH_S, ENDED_FLUSH_S)))
        await self.bus.close(max(LEAST_S, left_s(HEARD_OUT_S, ENDED_FLUSH_S)))
        for task in self._tasks:
            task.cancel()
        self.notifier.close()
        if any(thread.is_alive() for thread in (*capturing, *decoding)):
            logger.warning("a thread hangs, most likely in a driver; leaving it behind")

    def end(self, failure: BaseException | None = None, *, hurry: bool = True) -> None:
        """Begin to stop. On the event loop."""
        if not self._ended.is_set():
            self._failure, self._hurry = failure, hurry
        self._ended.set()

    def _start_thread(self, name: str, work: Callable[[], None], then: Callable[[], None]) -> threading.Thread:
        """A thread that dies takes everything with it: never a process that is alive and deaf."""

        def run() -> None:
            try:
                work()
            except BaseException as failure:  # noqa: BLE001  it is raised again by `run`
                self._loop.call_soon_threadsafe(self.end, failure)
            else:
                self._loop.call_soon_threadsafe(then)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread

    def _start_tasks(self) -> None:
        upkeep = self.upkeep
        works = [upkeep.state(), upkeep.heartbeats(self._service.heartbeat_s), collect_garbage()]
        if self._door is not None:
            works.append(upkeep.socket(self._door, self.server))
        watched = self.sources if self._service.watch_keywords else ()
        works += [upkeep.keyword_file(source.file_watch, source.keywords) for source in watched if source.file_watch]
        for work in works:
            task = asyncio.create_task(work)
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.end(task.exception())

    def _hang_up(self, had_terminal: bool) -> None:
        """SIGHUP: reload, or end if it means that our terminal was closed."""
        if had_terminal and not _has_terminal():
            self.end()
        else:
            self.sources[0].keywords.soon(self.upkeep.reload_for_manager)


def inputs_of(
    settings: Settings, device: str | int | None, several: Sequence[SourceSettings]
) -> list[tuple[str, Settings, Callable[[], Source]]]:
    """Of each source its name, its settings, and what opens it; one without a name where there are not several."""
    if not several:
        return [("", settings, source_opener(settings.input[0], device, settings.channel, settings.raw))]
    devices = Devices()
    return [
        (
            each.name,
            replace(settings, device=each.device, keywords=each.keywords or settings.keywords),
            devices.opener(each.device, each.channel),
        )
        for each in several
    ]


def run_daemon(
    settings: Settings,
    device: str | int | None,
    door: ListenSocket | None,
    several: Sequence[SourceSettings] = (),
    load: Loader | None = None,
) -> None:
    """Run until a signal, or until a file or pipe ends. `device` is the microphone to open, unless there are `several`.

    Raises:
        KwsdError: a setting is wrong, or the file or pipe cannot be read.
        Exception: whatever ended a thread that must not end.
    """

    async def run() -> None:
        await Daemon(settings, device, door, several, load).run()

    asyncio.run(run())


def _join(threads: Sequence[threading.Thread], deadline_s: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))


def _has_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    with suppress(OSError):
        return os.tcgetpgrp(0) >= 0
    return False
