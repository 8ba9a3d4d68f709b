"""What a program is told of the order that it asked for, and where there is nobody to ask."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from kwsd.protocol.client import GONE, AsyncClient
from kwsd.protocol.connection import Record
from kwsd.protocol.listening import begin_listening


class Told:
    """A connection to a daemon of two microphones: both hear an order that began at the same second of their clocks."""

    def subscribe(self, **_: Any) -> Record:
        return {}

    def ask(self, _: str, **settings: Any) -> Record:
        self.asked = settings
        return {"since": 2.0}

    def records(self) -> Iterator[Record]:
        for kind in ("speech_start", "audio", "no_speech"):
            for source in ("kitchen", "hall"):
                yield {"type": kind, "since": 2.0, "source": source}

    def close(self) -> None:
        pass


def test_the_order_of_another_microphone_is_not_taken_for_it() -> None:
    connection: Any = Told()
    told = list(begin_listening(connection, {"source": "hall", "nothing_s": 1}))
    assert connection.asked == {"source": "hall", "nothing_s": 1}
    assert [(record["type"], record["source"]) for record in told] == [
        ("speech_start", "hall"),
        ("audio", "hall"),
        ("no_speech", "hall"),
    ]


def test_a_daemon_that_is_not_there_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def gone() -> None:
        async with aclosing(AsyncClient(tmp_path / "s").records()) as records:
            assert await anext(records) is GONE

    with caplog.at_level("INFO"):
        asyncio.run(gone())
    assert f"no daemon at {tmp_path / 's'}: No such file or directory; trying again" in caplog.text
