"""The events of a daemon for as long as a program runs: found again after a break, and nothing missed or told twice.

    for event in Client(types=["detection"]):
        print(event["keyword"], event["score"])

Who was away, and comes back within the events that the daemon keeps, is told all of them. A daemon that was started
anew counts anew, which its `hello` shows: then everything is told that it has heard since.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from kwsd.protocol.connection import LONGEST_LINE, DaemonConnection, NoDaemonError, Record, check_hello, record_of
from kwsd.protocol.following import Following
from kwsd.protocol.listening import begin_listening
from kwsd.protocol.messages import Hello, Reply

GONE: Record = {"type": "gone"}
"""Stands between the records of two connections: the daemon is not there."""
NO_EVENTS = (Hello.type, GONE["type"])


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

    def listen(self, **settings: float | str) -> Generator[Record, None, None]:
        """What is told of one order that is listened for from now on, and its sound; its end is the last record.

        `settings` are `end_s`, `longest_s`, `nothing_s` and `pre_roll_s`, those of the daemon where they are not given;
        and `source`, where it has several microphones.
        Nobody is told by it to stop, should the iteration end earlier. Raises KwsdError: the daemon refuses.
        """
        return begin_listening(DaemonConnection(self.path, self._timeout_s), settings)

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


def listen(path: Path | str | None = None, **settings: float | str) -> Generator[Record, None, None]:
    """`Client(path).listen(**settings)`: one order, told by the daemon that runs."""
    return Client(path).listen(**settings)
