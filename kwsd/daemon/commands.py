"""What the daemon does when a subscriber gives a command."""

import os
import time
from dataclasses import asdict
from typing import Any

from kwsd import __version__
from kwsd.daemon.background import in_background
from kwsd.daemon.capture import Capture
from kwsd.daemon.engine import Engine
from kwsd.daemon.inbox import AudioQueue
from kwsd.daemon.keyword_update import KeywordDesk
from kwsd.daemon.state import Standing
from kwsd.outlets.bus import Bus
from kwsd.outlets.clips import Clips
from kwsd.protocol.commands import Clip, Command, CommandError, Mute, Reload, SetKeywords, SetThreshold, Status, Unmute
from kwsd.protocol.messages import Hello, Microphone
from kwsd.timebase import SAMPLE_RATE

CLOSE_S = 3.0  # the driver may take its time to close


class Desk:
    """Carries out commands, on the event loop. `subscribe` and `trace` never get here: they concern one connection."""

    def __init__(
        self,
        *,
        standing: Standing,
        capture: Capture,
        queue: AudioQueue,
        engine: Engine,
        keywords: KeywordDesk,
        bus: Bus,
        clips: Clips | None,
    ) -> None:
        self._standing = standing
        self._capture = capture
        self._queue = queue
        self._engine = engine
        self._keywords = keywords
        self._bus = bus
        self._clips = clips

    async def carry_out(self, command: Command) -> dict[str, Any]:
        """Do what is asked; the data of the reply. Raises CommandError."""
        match command:
            case Status():
                return self.status()
            case Mute():
                return await self._mute()
            case Unmute():
                self._capture.unmute()
                return {}
            case Clip():
                return await self._clip(command)
        return {"keywords": await self._change_keywords(command)}

    async def _change_keywords(self, command: Command) -> tuple[str, ...]:
        match command:
            case Reload():
                return await self._keywords.reload()
            case SetKeywords():
                return await self._keywords.set_keywords(command.keywords)
            case SetThreshold():
                return await self._keywords.set_threshold(command.threshold, command.keyword)
        raise CommandError("this daemon does not know that command")

    def hello(self) -> Hello:
        """The snapshot for who has just connected."""
        standing = self._standing
        return Hello(
            version=__version__,
            model=standing.model,
            keywords=standing.keywords,
            microphone=self._microphone(),
            state=standing.state,
            degraded=standing.degraded,
        )

    def status(self) -> dict[str, Any]:
        """Everything that `kwsctl status` shows."""
        standing = self._standing
        now_s = time.monotonic()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(now_s - standing.started_at_s, 3),
            "model": standing.model,
            "state": standing.state,
            "waiting_because": standing.waiting_because,
            "degraded": standing.degraded,
            "degraded_because": standing.degraded_because,
            "microphone": asdict(self._microphone()),
            "keywords": standing.keywords,
            "stream_time": standing.position_s,
            "progress_age_s": round(now_s - standing.progress_at_s, 3),
            "backlog_ms": round(self._queue.waiting * 1000 / SAMPLE_RATE),
            "detections": standing.detections,
            "overruns": standing.overruns,
            "lost_ms": standing.lost_ms,
            "reconnects": standing.reconnects,
            "reloads": standing.reloads,
            "failed_reloads": standing.failed_reloads,
            "bad_chunks": self._engine.bad_chunks,
            "subscribers": self._bus.subscribers,
            "dropped_events": self._bus.dropped,
        }

    def _microphone(self) -> Microphone:
        return Microphone(name=self._standing.microphone, open=self._standing.state == "listening")

    async def _mute(self) -> dict[str, Any]:
        if not self._capture.reopens:
            raise CommandError("only a microphone can be muted; this daemon hears a file or a pipe")
        self._capture.mute()
        if not await in_background(lambda: self._capture.closed.wait(CLOSE_S)):
            raise CommandError(f"the microphone has not closed within {CLOSE_S:.0f} s; unplug it to be sure")
        return {}

    async def _clip(self, command: Clip) -> dict[str, Any]:
        if self._clips is None:
            raise CommandError("clips are off; start kwsd with --clips to keep the last seconds of sound in memory")
        return await self._clips.cut(command)
