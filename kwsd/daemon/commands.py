"""What the daemon does when a subscriber gives a command."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from kwsd import __version__
from kwsd.audio.microphone import CLOSE_S, STALL_S
from kwsd.daemon.capture import Capture
from kwsd.daemon.changes import NewOrder
from kwsd.daemon.inbox import Inbox
from kwsd.daemon.keyword_update import SWAP_S, KeywordUpdate
from kwsd.daemon.recent_decisions import RecentDecisions
from kwsd.daemon.saved_state import StateFile
from kwsd.daemon.state import DaemonState
from kwsd.daemon.watchdog import DecodingProgress
from kwsd.errors import ConfigError
from kwsd.outlets.clips import ClipFiles, Clips
from kwsd.outlets.order_files import OrderFiles
from kwsd.protocol.messages import CommandError, Hello, Listened, Microphone
from kwsd.search.settings import OrderSettings
from kwsd.spotters.interface import Spotter
from kwsd.timebase import SAMPLE_RATE

if TYPE_CHECKING:
    from kwsd.protocol.commands import Command, Listen

MUTED_WITHIN_S = STALL_S + CLOSE_S + 1.0  # a device that gives nothing is given up first, then closed
POLL_S = 0.02
DEAF_S = 3.0  # sound of which no frames have come for so long is not heard


class CommandHandler:
    """Carries out commands, on the event loop. `subscribe` and `trace` never get here: they concern one connection."""

    def __init__(
        self,
        *,
        source: Listened,
        state: DaemonState,
        saved: StateFile,
        capture: Capture,
        inbox: Inbox,
        spotter: Spotter,
        orders: OrderSettings,
        progress: DecodingProgress,
        keywords: KeywordUpdate,
        clips: Clips | None,
        files: ClipFiles | None,
        order_files: OrderFiles | None,
        decisions: RecentDecisions,
        outlets: Callable[[], dict[str, int]],
    ) -> None:
        """`outlets` gives what the status tells of those that several sources share."""
        self._source = source
        self._state = state
        self._saved = saved
        self._capture = capture
        self._inbox = inbox
        self._spotter = spotter
        self._orders = orders
        self._progress = progress
        self._keywords = keywords
        self._clips = clips
        self._files = files
        self._order_files = order_files
        self._decisions = decisions
        self._outlets = outlets

    async def carry_out(self, command: "Command") -> dict[str, Any]:  # noqa: C901, PLR0911  a case per command
        """Do what is asked; the data of the reply, which is sent when it is done. Raises CommandError."""
        from kwsd.protocol import commands  # noqa: PLC0415 - pydantic, which has come in with the command

        match command:
            case commands.Status():
                return self.status()
            case commands.Mute():
                return await self._mute()
            case commands.Unmute():
                await self._saved.change(muted=False)
                if not self._saved.now.muted:  # whoever was the last holds
                    self._capture.unmute()
                await self._until(
                    lambda: self._state.source.state != "muted" or self._saved.now.muted, "capturing hangs"
                )
                return {}
            case commands.Clip():
                if self._clips is None:
                    raise CommandError("clips are off; start kwsd with --clips to keep the last seconds of sound")
                return await self._clips.cut(command)
            case commands.Reload():
                told = await self._keywords.reload()
                return {"keywords": told.keywords, "problems": told.problems}
            case commands.SetKeywords():
                told = await self._keywords.set_keywords(command.keywords)
                return {"keywords": told.keywords, "problems": told.problems}
            case commands.Listen():
                return await self._listen(command)
            case commands.Why():
                return {"event": self._decisions.find(command.event).fields()}
            case commands.SetThreshold():
                change = self._keywords.save_threshold if command.save else self._keywords.set_threshold
                return {"keywords": await change(command.threshold, command.keyword)}
        raise CommandError("this daemon does not know that command")

    @property
    def is_deaf(self) -> bool:
        """Whether there is sound, of an open microphone or that waits, and nothing is heard of it all the same."""
        has_sound = self._capture.reopens or self._inbox.waiting > 0
        return self._state.source.is_open and has_sound and time.monotonic() - self._progress.at_s > DEAF_S

    def hello(self) -> Hello:
        """The snapshot for who has just connected."""
        state = self._state
        return Hello(
            version=__version__,
            model=state.model,
            keywords=state.keywords,
            microphone=self._microphone(),
            state=state.source.state,
            degraded=bool(state.degraded_because),
            source=self._source,
        )

    def status(self) -> dict[str, Any]:
        """Everything that `kwsctl status` shows."""
        state, now_s, quiet = self._state, time.monotonic(), self._spotter.quiet
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(now_s - state.started_at_s, 3),
            "model": state.model,
            "state": state.source.state,
            "deaf": self.is_deaf,
            "waiting_because": state.source.waiting_because,
            "level_because": state.source.level_because,
            "degraded": bool(state.degraded_because),
            "degraded_because": state.degraded_because,
            "microphone": asdict(self._microphone()),
            "keywords": state.keywords,
            "keywords_file": str(self._keywords.file) if self._keywords.file else None,
            "thresholds": self._spotter.thresholds,
            "keywords_from": state.keywords_from,
            "stream_time": self._progress.position_s,
            "progress_age_s": round(now_s - self._progress.at_s, 3),
            "backlog_ms": round(self._inbox.waiting * 1000 / SAMPLE_RATE),
            "chunks": self._progress.chunks,
            "decode_s": round(self._progress.decode_s, 3),
            "detections": state.detections,
            "detections_by_keyword": dict(self._progress.detections),
            "near_misses_by_keyword": dict(self._progress.near_misses),
            "save_detections": str(self._files.directory.absolute()) if self._files else None,
            "saved_bytes": self._files.written_bytes if self._files else None,
            "lost_files": sum(files.lost for files in (self._files, self._order_files) if files),
            "overruns": state.source.overruns,
            "lost_ms": state.source.lost_ms,
            "reconnects": state.source.reconnects,
            "reloads": state.reloads,
            "failed_reloads": state.failed_reloads,
            "reload_failed_because": state.reload_failed_because,
            "bad_chunks": self._spotter.bad_chunks,
            "quiet_gate": {
                "on": quiet is not None,
                "closed": quiet is not None and quiet.now,
                "share": round(quiet.spared / max(1, quiet.segments), 4) if quiet else 0.0,
            },
            "gain_db": self._spotter.gain_db,
            **self._outlets(),
        }

    def _microphone(self) -> Microphone:
        return Microphone(name=self._state.source.microphone, open=self._state.source.is_open)

    async def _mute(self) -> dict[str, Any]:
        if not self._capture.reopens:
            raise CommandError("only a microphone can be muted; this daemon hears a file or a pipe")
        await self._saved.change(muted=True)
        if self._saved.now.muted:
            self._capture.mute()
        await self._until(
            lambda: self._state.source.state == "muted" or not self._saved.now.muted,
            f"the microphone has not closed within {MUTED_WITHIN_S:.0f} s; unplug it to be sure",
        )
        return {}

    async def _listen(self, command: "Listen") -> dict[str, Any]:
        """From now on, or no longer; where that is in the stream."""
        if command.on and self._state.source.state == "muted":
            raise CommandError("the microphone is muted; give unmute first")
        asked = {each.name: getattr(command, each.name) for each in fields(self._orders)}
        given = {name: value for name, value in asked.items() if value is not None}
        change = NewOrder(replace(self._orders, **given) if command.on else None)
        self._inbox.put(change)
        try:
            since_s = await asyncio.wait_for(asyncio.wrap_future(change.done), SWAP_S)
        except TimeoutError:
            raise CommandError("decoding hangs; nothing is listened for") from None
        except ConfigError as error:
            raise CommandError(str(error)) from None
        return {"since": since_s}

    async def _until(self, done: Callable[[], bool], complaint: str) -> None:
        gives_up_s = time.monotonic() + MUTED_WITHIN_S
        while not done():
            if time.monotonic() > gives_up_s:
                raise CommandError(complaint)
            await asyncio.sleep(POLL_S)
