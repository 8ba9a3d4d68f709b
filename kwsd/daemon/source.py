"""One source of sound in the daemon: all that remembers its sound or says how things stand with it."""

import asyncio
from collections.abc import Callable
from dataclasses import field
from typing import Protocol

from kwsd.audio.open import MICROPHONE, STDIN
from kwsd.audio.source import Source
from kwsd.config import Settings
from kwsd.config.settings import Service
from kwsd.daemon.capture import Capture
from kwsd.daemon.commands import CommandHandler
from kwsd.daemon.decode import Decoder
from kwsd.daemon.frames_watch import FramesWatch
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.keyword_update import KeywordSource, KeywordUpdate
from kwsd.daemon.level_watch import LevelWatch
from kwsd.daemon.order_sound import RECENT_S, OrderSound
from kwsd.daemon.order_texts import OrderTexts
from kwsd.daemon.recent_decisions import RecentDecisions
from kwsd.daemon.saved_state import StateFile
from kwsd.daemon.search_watch import SearchWatch
from kwsd.daemon.state import DaemonState
from kwsd.daemon.watch import Watch
from kwsd.daemon.watchdog import DecodingProgress
from kwsd.outlets.clip_ages import ClipAges
from kwsd.outlets.clips import ClipFiles, Clips
from kwsd.outlets.interface import Publisher
from kwsd.outlets.order_files import OrderFiles
from kwsd.outlets.peer import group_id
from kwsd.outlets.recent_audio import RecentAudio
from kwsd.outlets.wav_files import FileLimits
from kwsd.protocol.messages import Listened
from kwsd.quick_dataclass import dataclass
from kwsd.records import Record
from kwsd.spotters.interface import Spotter
from kwsd.timebase import samples
from kwsd.transcripts.open import Transcribers


class SourceBus(Publisher, Protocol):
    """Where what comes of one source is told."""

    def tell(self, record: Record) -> None:
        """`publish` on the event loop: at once."""
        ...


@dataclass(frozen=True, slots=True)
class Once:
    """What all sources share."""

    feed: Callable[[], None]
    """Tells the watchdog of progress; on the event loop."""
    watchdog_s: float | None
    loop: asyncio.AbstractEventLoop
    outlets: Callable[[], dict[str, int]]
    """What the status tells of those that all sources share."""
    transcribers: Callable[[Spotter], Transcribers | None]
    decisions: RecentDecisions = field(default_factory=RecentDecisions)
    ages: ClipAges = field(default_factory=ClipAges)


class DaemonSource:
    """Its threads are the daemon's to start: `capture.run` and `decoder.run`."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        opener: Callable[[], Source],
        spotter: Spotter,
        saved: StateFile,
        keywords: KeywordSource,
        bus: SourceBus,
        once: Once,
    ) -> None:
        """In the order in which sound passes; `name` is empty where there is one. Raises ConfigError: a setting."""
        self.name, self.spotter, self.bus = name, spotter, bus
        self._service, self.listened = settings.daemon, listened_to(settings)
        is_microphone = self.listened.kind == "microphone"
        self.state = DaemonState(model=spotter.name, microphone=self.listened.name, name=name)
        self.inbox = Inbox(samples(self._service.backlog_s), dropping=is_microphone)
        muted = saved.now.muted and is_microphone
        self.capture = Capture(opener, self.inbox, bus, reopens=is_microphone, muted=muted)
        self.progress = DecodingProgress(once.loop, once.watchdog_s, once.feed)
        self.recent = RecentAudio(RECENT_S)
        limits, saved_in = file_limits(self._service, once.ages), self._service.save_orders
        self.order_files = OrderFiles(saved_in, self.recent, limits, bus.publish) if saved_in else None
        watches: list[Watch] = [
            LevelWatch(bus, is_microphone=is_microphone),
            SearchWatch(bus, spotter),
            FramesWatch(bus, spotter),
        ]
        self.texts: OrderTexts | None = None
        if transcribers := once.transcribers(spotter):
            tell = self.order_files.tell if self.order_files else bus.publish
            self.texts = OrderTexts(transcribers, spotter, tell, may_wait=self.listened.kind == "file")
            watches.append(self.texts)
        keeps_all = self._service.clips or self._service.save_detections is not None
        sound = OrderSound(spotter, bus, self.recent, keeps_all=keeps_all, files=self.order_files)
        self.decoder = Decoder(
            self.inbox, spotter, bus, progress=self.progress, watches=watches, sound=sound, decisions=once.decisions
        )
        self.file_watch = keywords.watch
        self.keywords = KeywordUpdate(keywords, spotter, self.inbox, self.state, bus.tell)
        self._add_commands(settings, saved, once, limits)

    def _add_commands(self, settings: Settings, saved: StateFile, once: Once, limits: FileLimits) -> None:
        service = self._service
        self.clips = Clips(self.recent) if service.clips or service.save_detections else None
        self.files = None
        if service.save_detections:
            self.files = ClipFiles(service.save_detections, self.recent, limits, near_misses=service.save_near_misses)
        self.handler = CommandHandler(
            source=self.listened,
            state=self.state,
            saved=saved,
            capture=self.capture,
            inbox=self.inbox,
            spotter=self.spotter,
            orders=settings.orders,
            progress=self.progress,
            keywords=self.keywords,
            clips=self.clips,
            files=self.files,
            order_files=self.order_files,
            decisions=once.decisions,
            outlets=once.outlets,
        )

    @property
    def is_deaf(self) -> bool:
        """Whether nothing is heard of it though there is sound."""
        return self.handler.is_deaf


def listened_to(settings: Settings) -> Listened:
    """What the input of these settings is, and what it is called until it has been opened."""
    name = settings.input[0]
    if name == MICROPHONE:
        return Listened(kind="microphone", name=str(settings.device or "default"))
    return Listened(kind="pipe" if name == STDIN else "file", name=name)


def file_limits(service: Service, ages: ClipAges) -> FileLimits:
    """Of every kind of sound that is saved. Raises ConfigError: there is no such group."""
    group = None if service.save_group is None else group_id(service.save_group, "save_group")
    return FileLimits(megabytes=service.save_limit_mb, days=service.save_limit_days, group=group, ages=ages)
