"""Wyoming's frames: a line of JSON, then data, then payload, each of a length that is checked before it is read.

The reader of the `wyoming` package takes as many bytes as the client names; 299 MB of one chunk made 570 MB of memory.
"""

import asyncio
import json
from typing import Any

from wyoming.event import Event

from kwsd.errors import KwsdError
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_json


class FrameError(KwsdError):
    """What a client sent is no event; there is no telling where the next one begins, so its connection ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLimits:
    """How much of one event is read at most."""

    line_bytes: int
    """The reader's own limit must be the same."""
    data_bytes: int
    payload_bytes: int
    finished_in_s: float
    """From its first byte to its last."""


async def read_event(reader: asyncio.StreamReader, limits: FrameLimits) -> Event | None:
    """The next event, waited for as long as it takes to begin; None where the connection has ended.

    Raises:
        FrameError: it is none, is too large, or was not finished in time.
    """
    first = await reader.read(1)
    if not first:
        return None
    try:
        async with asyncio.timeout(limits.finished_in_s):
            header = _json_object(b"" if first == b"\n" else first + await reader.readuntil(b"\n"))
            data = header.get("data") or {}
            if not isinstance(data, dict) or not isinstance(header.get("type"), str):
                raise FrameError("sent a line without a type, or with data that is no object")
            if size := _length(header, "data_length", limits.data_bytes):
                data = data | _json_object(await reader.readexactly(size))
            size = _length(header, "payload_length", limits.payload_bytes)
            payload = await reader.readexactly(size) if size else None
    except TimeoutError:
        raise FrameError(f"left an event unfinished for {limits.finished_in_s:g} s") from None
    except asyncio.IncompleteReadError:
        return None  # Home Assistant leaves so after every wake word
    except asyncio.LimitOverrunError:
        raise FrameError(f"sent a line of more than {limits.line_bytes} bytes") from None
    return Event(type=header["type"], data=data, payload=payload)


def _json_object(text: bytes) -> dict[str, Any]:
    try:
        found = parse_json(text)
    except ValueError:
        raise FrameError("sent what is not JSON; this port speaks Wyoming") from None
    if not isinstance(found, dict):
        raise FrameError("sent JSON that is no object")
    return found


def _length(header: dict[str, Any], name: str, most: int) -> int:
    value = header.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= most:
        raise FrameError(f"announced a {name} of {value!r:.40}; 0 to {most} are taken")
    return value


def to_bytes(event: Event) -> bytes:
    """As it goes over the connection; data apart from the line, which readers bound more tightly."""
    data = json.dumps(event.data, ensure_ascii=False).encode() if event.data else b""
    header: dict[str, Any] = {"type": event.type}
    if data:
        header["data_length"] = len(data)
    if event.payload:
        header["payload_length"] = len(event.payload)
    return json.dumps(header).encode() + b"\n" + data + (event.payload or b"")
