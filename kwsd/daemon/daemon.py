"""The daemon as a whole: what it is made of, how it starts, what ends it, and in what order it stops."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from kwsd.audio.open import MICROPHONE, STDIN
from kwsd.config import Settings
from kwsd.daemon.background import in_background
from kwsd.daemon.capture import Capture, source_opener
from kwsd.daemon.commands import CommandHandler
from kwsd.daemon.decode import Decoder
from kwsd.daemon.frames_watch import FramesWatch
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.keyword_update import KeywordSource, KeywordUpdate
from kwsd.daemon.level_watch import LevelWatch
from kwsd.daemon.listen_socket import ListenSocket
from kwsd.daemon.memory import collect_garbage
from kwsd.daemon.order_sound import OrderSound
from kwsd.daemon.order_texts import OrderTexts, transcribers_of
from kwsd.daemon.saved_state import StateFile, state_path
from kwsd.daemon.search_watch import SearchWatch
from kwsd.daemon.state import DaemonState
from kwsd.daemon.systemd import Notifier
from kwsd.daemon.upkeep import Upkeep
from kwsd.daemon.watch import Watch
from kwsd.daemon.watchdog import DecodingProgress
from kwsd.keywords.watch_file import FileWatch
from kwsd.outlets.bus import Bus
from kwsd.outlets.clips import ClipFiles, Clips
from kwsd.outlets.exec import ExecOutlet
from kwsd.outlets.order_files import OrderFiles
from kwsd.outlets.peer import group_id
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.outlets.socket_server import SocketServer
from kwsd.outlets.stdout import StdoutOutlet, make_report, write_line
from kwsd.outlets.wav_files import FileLimits
from kwsd.protocol.messages import Listened
from kwsd.spotters.open import open_spotter
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

RECENT_S = 10.0
UNDECIDED_S = 5.0  # sound that came since the end of a keyword or an order, until that is decided
HEARD_OUT_S = 1.0  # at SIGTERM: what was accepted is heard for so long; 4 s of sound take 0.1 s of one core
FLUSH_S = 0.2
ENDED_TEXTS_S = 60.0
ENDED_FLUSH_S = 10.0  # where the sound itself has ended nobody is in a hurry


class Daemon:
    """One run, from the first thread to the last. Make it inside a running event loop."""

    def __init__(self, settings: Settings, device: str | int | None, door: ListenSocket | None) -> None:
        """In the order in which sound passes. Raises ConfigError: a setting, the model or the keywords."""
        service, name = settings.daemon, settings.input[0]
        is_microphone = name == MICROPHONE
        self._service, self._door = service, door
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.notifier = Notifier()
        self._saved = StateFile(state_path(door.path) if door else None)
        file = settings.keywords
        self._source = KeywordSource(file, self._saved)
        self.spotter = open_spotter(settings, self._source.reader())
        self.listened = Listened(
            kind="microphone" if is_microphone else "pipe" if name == STDIN else "file",
            name=str(settings.device or "default") if is_microphone else name,
        )
        self.state = DaemonState(model=self.spotter.name, microphone=self.listened.name)
        self.bus = Bus(self._loop, self.state.apply)
        self.inbox = Inbox(samples(service.backlog_s), dropping=is_microphone)
        opener = source_opener(name, device, settings.channel, settings.raw)
        muted = self._saved.now.muted and is_microphone
        self.capture = Capture(opener, self.inbox, self.bus, reopens=is_microphone, muted=muted)
        self.progress = DecodingProgress(self.notifier, self._loop)
        self.recent = RecentAudio(max(RECENT_S, settings.orders.longest_s + settings.orders.pre_roll_s + UNDECIDED_S))
        self.order_files = self._order_files()
        watches: list[Watch] = [
            LevelWatch(self.bus, is_microphone=is_microphone),
            SearchWatch(self.bus, self.spotter),
            FramesWatch(self.bus, self.spotter),
        ]
        self._texts: OrderTexts | None = None
        if transcribers := transcribers_of(settings.transcripts, self.spotter):
            is_file = name not in {MICROPHONE, STDIN}
            self._texts = OrderTexts(transcribers, self.spotter, self.bus.publish, may_wait=is_file)
            watches.append(self._texts)
        keeps_all = service.clips or service.save_detections is not None
        sound = OrderSound(self.spotter, self.bus, self.recent, keeps_all=keeps_all, files=self.order_files)
        self.decoder = Decoder(self.inbox, self.spotter, self.bus, progress=self.progress, watches=watches, sound=sound)
        self.keywords = KeywordUpdate(self._source, self.spotter, self.inbox, self.state, self.bus.tell)
        self.upkeep = Upkeep(self.bus, self.state, self.notifier, self.progress)
        self._add_outlets(settings)

    def _file_limits(self) -> FileLimits:
        service = self._service
        group = None if service.save_group is None else group_id(service.save_group, "save_group")
        return FileLimits(megabytes=service.save_limit_mb, days=service.save_limit_days, group=group)

    def _order_files(self) -> OrderFiles | None:
        directory = self._service.save_orders
        return OrderFiles(directory, self.recent, self._file_limits(), self.bus.publish) if directory else None

    def _add_outlets(self, settings: Settings) -> None:
        service = self._service
        clips = Clips(self.recent) if service.clips or service.save_detections else None
        group = None if service.command_group is None else group_id(service.command_group, "command_group")
        files = None
        if service.save_detections:
            files = ClipFiles(
                service.save_detections, self.recent, self._file_limits(), near_misses=service.save_near_misses
            )
        handler = CommandHandler(
            source=self.listened,
            state=self.state,
            saved=self._saved,
            capture=self.capture,
            inbox=self.inbox,
            spotter=self.spotter,
            orders=settings.orders,
            progress=self.progress,
            keywords=self.keywords,
            clips=clips,
            files=files,
            decisions=self.decoder.decisions,
            subscribers=lambda: (len(self.server.connections), self.server.dropped),
        )
        self.server = SocketServer(handler.hello, handler.carry_out, group)
        for outlet in (self.server, self.keywords, clips, files):
            if outlet is not None:
                self.bus.add(outlet)
        if service.exec is not None:
            self.bus.add(
                ExecOutlet(service.exec, limit=service.exec_limit, timeout_s=service.exec_timeout_s, recent=self.recent)
            )
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
        decoding = self._start_thread("decode", self.decoder.run, lambda: self.end(hurry=False))
        capturing = self._start_thread("capture", self.capture.run, lambda: None)
        self.upkeep.say_ready()

        await self._ended.wait()

        self.notifier.send(STOPPING=1, STATUS="stopping")
        deadline_s = time.monotonic() + HEARD_OUT_S
        self.capture.stop(deadline_s)
        await in_background(lambda: _join((capturing, decoding), deadline_s))
        if decoding.is_alive():
            unheard_ms = self.inbox.discard() * 1000 // samples(1)
            logger.warning("%d ms of sound that waited are not heard any more", unheard_ms)
            await in_background(lambda: _join((decoding,), time.monotonic() + FLUSH_S))
        if self._texts:
            await in_background(partial(self._texts.close, FLUSH_S if self._hurry else ENDED_TEXTS_S))
        time_left_s = deadline_s + FLUSH_S - time.monotonic()  # of what hearing out did not need
        if self.order_files is not None:  # which tells once it has written
            await self.order_files.close(FLUSH_S)
        await self.bus.close(max(FLUSH_S, time_left_s) if self._hurry else ENDED_FLUSH_S)
        for task in self._tasks:
            task.cancel()
        self.notifier.close()
        if capturing.is_alive() or decoding.is_alive():
            logger.warning("a thread hangs, most likely in a driver; leaving it behind")
        if self._failure is not None:
            raise self._failure

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
        works = [upkeep.state(self.capture), upkeep.heartbeats(self._service.heartbeat_s), collect_garbage()]
        if self._door is not None:
            works.append(upkeep.socket(self._door, self.server))
        if self._service.watch_keywords and self._source.file:
            works.append(upkeep.keyword_file(FileWatch(self._source.file), self.keywords))
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
            self.keywords.soon(lambda: self.upkeep.reload_for_manager(self.keywords))


def run_daemon(settings: Settings, device: str | int | None, door: ListenSocket | None) -> None:
    """Run until a signal, or until a file or pipe ends. `device` is the microphone to open.

    Raises:
        KwsdError: a setting is wrong, or the file or pipe cannot be read.
        Exception: whatever ended a thread that must not end.
    """

    async def run() -> None:
        await Daemon(settings, device, door).run()

    asyncio.run(run())


def _join(threads: tuple[threading.Thread, ...], deadline_s: float) -> None:
    for thread in threads:
        thread.join(max(0.0, deadline_s - time.monotonic()))


def _has_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    with suppress(OSError):
        return os.tcgetpgrp(0) >= 0
    return False
