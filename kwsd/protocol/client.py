"""The events of a daemon for as long as a program runs: found again after a break, and nothing missed or told twice.

    for event in Client(types=["detection"]):
        print(event["keyword"], event["score"])

Who was away, and comes back within the events that the daemon keeps, is told all of them. A daemon that was started
anew counts anew, which its `hello` shows: then everything is told that it has heard since.
"""

import asyncio
import base64
import json
import logging
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from kwsd.homes import expanded
from kwsd.orders import Audio, NoSpeech, SpeechEnd, SpeechStart
from kwsd.protocol.connection import (
    LONGEST_LINE,
    TIMEOUT_S,
    DaemonConnection,
    NoDaemonError,
    Record,
    check_hello,
    record_of,
)
from kwsd.protocol.messages import Hello, Reply
from kwsd.protocol.socket_path import find_socket

logger = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
GONE: Record = {"type": "gone"}
"""Stands between the records of two connections: the daemon is not there."""
NO_EVENTS = (Hello.type, GONE["type"])


def pcm_of(record: Record) -> bytes:
    """The sound in an `audio` record: raw s16le, 16 kHz, one channel."""
    return base64.b64decode(record["pcm"])


def order_since(since: float, connection: DaemonConnection) -> Generator[Record, None, None]:
    """What is told of the order for which listening began then, up to its end; hangs up at last."""
    with closing(connection):
        for record in connection.records():
            if record.get("since") == since:
                yield record
                if record["type"] in {SpeechEnd.type, NoSpeech.type}:
                    return


class Following:
    """Where a client is in the daemon's events, and what it wants of them: what both kinds of client share."""

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        types: Sequence[str] | None = None,
        keywords: Sequence[str] | None = None,
        since: tuple[str, int] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """Nothing is connected yet.

        Args:
            path: the daemon's socket; None is this user's, else the system's.
            types: of the events wanted; None means all but the optional ones.
            keywords: names of those whose detections are wanted; None means all.
            since: what `position` was, in an earlier run of the program; None begins now, or with a daemon that comes.
            timeout_s: how long the daemon may take to answer.
        """
        self._path = None if path is None else expanded(path)
        self.hello: Record = {}
        """What the daemon said first, when it was last there."""
        self.position = since
        """Run of the daemon and number of the last event; None where it does not count them yet."""
        self._wanted = {"types": types and list(types), "keywords": keywords and list(keywords)}
        self._timeout_s = timeout_s
        self._pause_s = FIRST_PAUSE_S
        self._why_not = ""

    @property
    def path(self) -> Path:
        """Where the daemon is looked for."""
        return self._path or find_socket()

    def _begin(self, hello: Record) -> Record:
        """What to subscribe to on a new connection. An older daemon knows nothing of `since`."""
        was_there = not self.hello and not self._why_not  # before us, so what it has told is not for us
        self.hello, self._pause_s, self._why_not = hello, FIRST_PAUSE_S, ""
        wanted = {name: value for name, value in self._wanted.items() if value is not None}
        if not hello.get("run"):
            self.position = None
            return wanted
        if self.position is None:
            self.position = (hello["run"], hello["seq"] if was_there else 0)
        run, seq = self.position
        return {**wanted, "run": run, "since": seq}

    def _take(self, record: Record) -> None:
        """It has come: the next connection begins behind it."""
        if self.hello.get("run") and "seq" in record:
            self.position = (self.hello["run"], record["seq"])

    def _wait_s(self, reason: NoDaemonError | OSError) -> float:
        """How long to wait for the daemon; the reason is logged once."""
        if str(reason) != self._why_not:
            logger.info("%s; trying again", reason)
        self._why_not = str(reason)
        pause_s, self._pause_s = self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)
        return pause_s

    def _ask(self, command: str, fields: Record) -> Record:
        with closing(DaemonConnection(self.path, self._timeout_s)) as connection:
            return connection.ask(command, **fields)


class Client(Following):
    """For a loop. One thread may iterate; any may `ask`."""

    def __iter__(self) -> Generator[Record, None, None]:
        """Events, for ever; whether the daemon is there is not told. Raises KwsdError: it refuses the subscription."""
        with closing(self.records()) as records:
            yield from (record for record in records if record["type"] not in NO_EVENTS)

    def records(self) -> Generator[Record, None, None]:
        """Events; before those of each connection its `hello`, with `complete`: nothing is missing; GONE behind them.

        Raises KwsdError: the daemon refuses the subscription.
        """
        while True:
            try:
                with closing(DaemonConnection(self.path, self._timeout_s)) as connection:
                    told = connection.subscribe(**self._begin(connection.hello))
                    yield {**connection.hello, "complete": told.get("complete", False)}
                    for record in connection.records():
                        self._take(record)
                        yield record
            except NoDaemonError as error:
                pause_s = self._wait_s(error)
            yield GONE
            time.sleep(pause_s)

    def listen(self, **settings: float) -> Generator[Record, None, None]:
        """What is told of one order that is listened for from now on, and its sound; its end is the last record.

        `settings` are `end_s`, `longest_s`, `nothing_s` and `pre_roll_s`, those of the daemon where they are not given.
        Nobody is told by it to stop, should the iteration end earlier. Raises KwsdError: the daemon refuses.
        """
        connection = DaemonConnection(self.path, self._timeout_s)
        try:
            connection.subscribe(types=[SpeechStart.type, SpeechEnd.type, NoSpeech.type, Audio.type])
            since = connection.ask("listen", **settings)["since"]
        except BaseException:
            connection.close()
            raise
        return order_since(since, connection)

    def ask(self, command: str, **fields: Any) -> Record:
        """Give a command on a connection of its own; the data of its reply. Raises KwsdError, as NoDaemonError too."""
        return self._ask(command, fields)


class AsyncClient(Following):
    """For asyncio. One task may iterate; any may `ask`."""

    socket: Any = None
    """That of the connection; None while there is none."""

    async def __aiter__(self) -> AsyncGenerator[Record, None]:
        """Events, for ever; whether the daemon is there is not told. Raises KwsdError: it refuses the subscription."""
        async with aclosing(self.records()) as records:
            async for record in records:
                if record["type"] not in NO_EVENTS:
                    yield record

    async def records(self) -> AsyncGenerator[Record, None]:
        """Events; before those of each connection its `hello`, with `complete`: nothing is missing; GONE behind them.

        Raises KwsdError: the daemon refuses the subscription.
        """
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self.path), limit=LONGEST_LINE)
                self.socket = writer.get_extra_info("socket")
                try:
                    async with asyncio.timeout(self._timeout_s):
                        hello = await self._next(reader)
                        check_hello(hello, self.path)
                        told = await self._subscribe(reader, writer, self._begin(hello))
                    yield {**hello, "complete": told.get("complete", False)}
                    while True:
                        record = await self._next(reader)
                        self._take(record)
                        yield record
                finally:
                    self.socket = None
                    writer.close()
            except (OSError, NoDaemonError) as error:
                pause_s = self._wait_s(error)
            yield GONE
            await asyncio.sleep(pause_s)

    async def ask(self, command: str, **fields: Any) -> Record:
        """Give a command on a connection of its own; the data of its reply. Raises KwsdError, as NoDaemonError too."""
        return await asyncio.to_thread(self._ask, command, fields)

    async def _next(self, reader: asyncio.StreamReader) -> Record:
        try:
            line = await reader.readline()
        except ValueError:  # longer than a line may be
            line = b"\n"
        if not line:
            raise NoDaemonError(f"the daemon at {self.path} has ended")
        return record_of(line, self.path)

    async def _subscribe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wanted: Record) -> Record:
        """The data of the reply; what came before it comes again behind it."""
        writer.write(json.dumps({"command": "subscribe", **wanted}).encode() + b"\n")
        while (record := await self._next(reader))["type"] != Reply.type:
            pass
        if not record["ok"]:
            raise KwsdError(f"subscribe: {record.get('error')}")
        told = record.get("data")
        return told if isinstance(told, dict) else {}


def listen(path: Path | str | None = None, **settings: float) -> Generator[Record, None, None]:
    """`Client(path).listen(**settings)`: one order, told by the daemon that runs."""
    return Client(path).listen(**settings)
