"""Between the daemon and any number of open pages: one connection for all of them, and what happened lately.

What is told many times a second is asked for while a page is open, so that the daemon pays nothing for closed ones and
no more for ten than for one.
"""

import asyncio
import base64
import logging
import os
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

from kwsd.bridges.web.faults import fault_of
from kwsd.errors import KwsdError
from kwsd.events import (
    Degraded,
    Detection,
    Held,
    Level,
    Loaded,
    MicLevel,
    MicLost,
    MicRecovered,
    MicSilent,
    Muted,
    NearMiss,
    Overrun,
    Reloaded,
    ReloadFailed,
    Spectrum,
    Unmuted,
)
from kwsd.outlets.peer import Peer
from kwsd.protocol.client import GONE, AsyncClient
from kwsd.protocol.connection import NoDaemonError
from kwsd.records import Record
from kwsd.why import evidence_of, sentences

logger = logging.getLogger(__name__)

Told = dict[str, Any]

CHANGES = (
    MicLost,
    MicRecovered,
    MicSilent,
    MicLevel,
    Degraded,
    Loaded,
    Reloaded,
    ReloadFailed,
    Overrun,
    Muted,
    Unmuted,
)
ALWAYS = [event.type for event in (Detection, NearMiss, *CHANGES)]
WATCHED: tuple[tuple[type[Record], ...], ...] = ((Spectrum, Held), (Level, Held))
"""Only while a page is open; the second for who may not have the picture, which tells the level as well."""
KEPT_EVENTS = 200
KEPT_CLIP_BYTES = 8 << 20
CLIP_MARGIN_S = 0.5
MOST_CLIPS_WAITING = 16
MOST_PAGES = 32
PAGE_QUEUE = 256
STATUS_EVERY_S = 5.0
ANSWER_S = 10.0
ALIVE_EVERY_S = 15.0
"""A page that has gone is noticed when something is sent to it."""


class TooManyPagesError(KwsdError):
    """No more pages can be kept up to date."""


class Hub:
    """One run. All of it on the event loop."""

    def __init__(self, socket: Path) -> None:
        self.heard: deque[Told] = deque(maxlen=KEPT_EVENTS)
        """Detections and near misses, each with a `number` of ours, `said` why, and whether there is `sound`."""
        self.fault: Told | None = None
        """What went wrong last, and when."""
        self.status: Told | None = None
        """How the daemon is, as it last said; None where there is none."""
        self._socket = socket
        self._daemon = AsyncClient(socket, types=ALWAYS, timeout_s=ANSWER_S)
        self._watching: asyncio.Task[None] | None = None
        self._pages: set[asyncio.Queue[Told]] = set()
        self._clips: OrderedDict[int, bytes] = OrderedDict()
        self._to_cut: asyncio.Queue[Told] = asyncio.Queue(MOST_CLIPS_WAITING)
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = 0

    async def run(self) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.follow())
            group.create_task(self.cut_clips())
            group.create_task(self.look_again())

    def clip(self, number: int) -> bytes | None:
        """The sound of a detection or near miss as a WAV file, while it is kept."""
        return self._clips.get(number)

    async def ask(self, command: str, **fields: Any) -> Told:
        """Have the daemon carry out a command; the data of its reply. Raises KwsdError."""
        try:
            return await self._daemon.ask(command, **fields)
        except NoDaemonError as error:
            logger.debug("%s", error)
            raise KwsdError("the daemon is not running") from None

    def daemons_file(self) -> Path | None:
        """The keyword file of a daemon of our own user: what another user's says is not written to."""
        return self._path_of_own("keywords_file")

    def daemons_folder(self) -> Path | None:
        """Where it saves clips, likewise."""
        return self._path_of_own("save_detections")

    def _path_of_own(self, name: str) -> Path | None:
        named = (self.status or {}).get(name)
        socket = self._daemon.socket
        return Path(named) if named and socket and Peer.of(socket).uid == os.geteuid() else None

    async def page(self) -> AsyncGenerator[Told, None]:
        """What an open page is told: how things stand, then what happens. Raises TooManyPagesError."""
        if len(self._pages) >= MOST_PAGES:
            raise TooManyPagesError(f"{MOST_PAGES} pages are open already; close one")
        queue: asyncio.Queue[Told] = asyncio.Queue(PAGE_QUEUE)
        self._pages.add(queue)
        try:
            if self._watching is None:
                self._watching = asyncio.create_task(self.watch())
            self._in_background(self.look())
            yield {"type": "snapshot", "status": self.status, "heard": list(self.heard), "fault": self.fault}
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), ALIVE_EVERY_S)
                except TimeoutError:
                    yield {"type": "alive"}
        finally:
            self._pages.discard(queue)
            if not self._pages and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def look(self) -> None:
        """Ask the daemon how it is, and tell all pages."""
        try:
            self.status = await self._daemon.ask("status")
        except KwsdError as error:
            logger.debug("%s", error)
            self.status = None
        self._tell({"type": "status", "status": self.status, "fault": self.fault})

    async def follow(self) -> None:
        """Take note of what the daemon says."""
        async for record in self._daemon.records():
            fault = fault_of(record, running=self.status is not None)
            self.fault = fault or self.fault
            if record is GONE:
                self.status = None
                self._tell({"type": "status", "status": None, "fault": self.fault})
            elif record["type"] in {Detection.type, NearMiss.type}:
                self.remember(record)
            else:
                self._in_background(self.look())

    def remember(self, record: Told) -> None:
        """Tell it at once, and have its sound cut."""
        self._numbers += 1
        why = record.get("why")
        said = sentences(record["keyword"], evidence_of(why)) if why else ()
        told = {**record, "number": self._numbers, "sound": False, "said": said}
        self.heard.append(told)
        self._tell(told)
        if not self._to_cut.full():
            self._to_cut.put_nowait(told)

    async def watch(self) -> None:
        """Tell the pages what is told many times a second."""
        for wanted in WATCHED:
            names = [event.type for event in wanted]
            try:
                async with aclosing(AsyncClient(self._socket, types=names).records()) as records:
                    async for record in records:
                        if record["type"] in names:
                            self._tell(record)
            except KwsdError as error:
                logger.debug("%s", error)

    async def cut_clips(self) -> None:
        """One after the other, each as soon as its sound is there; without `--clips` there is none."""
        while True:
            told = await self._to_cut.get()
            span = {"start": max(0.0, told["start"] - CLIP_MARGIN_S), "end": told["end"] + CLIP_MARGIN_S}
            try:
                wav = base64.b64decode((await self._daemon.ask("clip", **span))["wav"])
            except (KwsdError, KeyError, ValueError) as error:  # KeyError: another version's reply
                logger.debug("no sound of %s: %s", told["keyword"], error)
                continue
            self._clips[told["number"]] = wav
            while sum(map(len, self._clips.values())) > KEPT_CLIP_BYTES:
                gone, _ = self._clips.popitem(last=False)
                self._mark(gone, sound=False)
            self._mark(told["number"], sound=True)

    def _mark(self, number: int, *, sound: bool) -> None:
        for told in self.heard:
            if told["number"] == number:
                told["sound"] = sound
        self._tell({"type": "sound", "number": number, "sound": sound})

    async def look_again(self) -> None:
        """While pages are open."""
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            if self._pages:
                await self.look()

    def _tell(self, told: Told) -> None:
        """Every open page; one that does not read loses the oldest."""
        for queue in self._pages:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(told)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
