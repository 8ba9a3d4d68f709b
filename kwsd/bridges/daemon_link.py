"""The daemon's socket for programs on asyncio: records, commands and replies, and a new connection when it is back."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from kwsd.outlets.peer import Peer

logger = logging.getLogger(__name__)

Record = dict[str, Any]

LINE_BYTES = 4 << 20
ANSWER_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
GONE: Record = {"type": "gone"}
"""Stands between the records of two connections: the daemon is not there."""


class DaemonLink:
    """One connection after the other, for ever."""

    def __init__(self, path: Path, types: list[str]) -> None:
        """`types` are the events wanted."""
        self._path = path
        self._types = types
        self._writer: asyncio.StreamWriter | None = None
        self._asked = count(1)
        self._answers: dict[int, asyncio.Future[Record]] = {}

    async def records(self) -> AsyncIterator[Record]:
        """`hello` and events, and `GONE` whenever the daemon is not there; without end."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=LINE_BYTES)
                subscription = {"command": "subscribe", "types": self._types}
                self._writer.write(json.dumps(subscription).encode() + b"\n")
                while line := await reader.readline():
                    pause_s = FIRST_PAUSE_S
                    record = json.loads(line)
                    if record.get("type") != "reply":
                        yield record
                    elif (answer := self._answers.pop(record.get("request_id"), None)) and not answer.done():
                        answer.set_result(record)
            except (OSError, ValueError) as error:
                logger.debug("no daemon at %s: %s", self._path, error)
            self._lose()
            yield GONE
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def subscribe(self, types: list[str]) -> None:
        """Want other events, on this connection and those to come. Raises KwsdError."""
        self._types = types
        await self.ask("subscribe", types=types)

    @property
    def is_our_own(self) -> bool:
        """Whether the daemon runs as the same user as this process, as the kernel vouches for it."""
        return self._writer is not None and Peer.of(self._writer.get_extra_info("socket")).uid == os.geteuid()

    async def ask(self, command: str, **fields: Any) -> Record:
        """The data of a command's reply; `records` must be read meanwhile. Raises KwsdError."""
        if self._writer is None:
            raise KwsdError("the daemon is not running")
        number = next(self._asked)
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"command": command, "request_id": number, **fields}).encode() + b"\n")
        try:
            reply = await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError:
            raise KwsdError(f"{command}: the daemon does not answer") from None
        finally:
            self._answers.pop(number, None)
        if not reply["ok"]:
            raise KwsdError(f"{command}: {reply['error']}")
        data: Record = reply["data"]
        return data

    def _lose(self) -> None:
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
        self._writer = None
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(KwsdError("the daemon has ended"))
        self._answers.clear()
