"""What the socket sends beside events, one JSON object per line: `docs/protocol.schema.json` is generated from all."""

from dataclasses import field
from typing import Any, ClassVar, Literal

from kwsd.events import EVENTS, State
from kwsd.quick_dataclass import dataclass
from kwsd.records import Message, Numbered, Record

PROTOCOL = 1

RequestId = str | int | None

MAX_LINE_BYTES = 64 * 1024
"""Of a command."""


class CommandError(Exception):
    """A line that is no command, or a command that cannot be carried out. The message goes to its sender."""

    def __init__(self, message: str, command: str | None = None, request_id: RequestId = None) -> None:
        super().__init__(message)
        self.command = command
        self.request_id = request_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Microphone:
    """The source of sound, as it stands."""

    name: str
    """The resolved name of the device, or what was asked for while it is not there."""
    open: bool
    """Whether sound is being read from it; false while muted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listened:
    """What is listened to."""

    kind: Literal["microphone", "file", "pipe"]
    """Only a microphone can be muted, and comes back when it was gone."""
    name: str
    """The device as it was asked for, the path of the file, or `-` for standard input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTold:
    """One of several microphones, as it stands."""

    name: str
    """As events call it in `source`."""
    microphone: Microphone
    state: State
    keywords: tuple[str, ...]
    """Names of those that are listened for in its sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Numbered):
    """The first line to everybody who connects: how things stand. Its `seq` is that of the newest event."""

    type: ClassVar[str] = "hello"
    if_any: ClassVar[frozenset[str]] = frozenset({"sources"})
    protocol: int = PROTOCOL
    version: str
    model: str
    keywords: tuple[str, ...]
    """Names of the keywords that are listened for, as `detection` events call them."""
    microphone: Microphone
    state: State
    degraded: bool
    """Whether less is heard than was asked for; `degraded` events say why."""
    source: Listened
    """What is listened to; the first of several."""
    sources: tuple[SourceTold, ...] = ()
    """Each `[[source]]` of the settings; left out where they have none."""
    run: str = ""
    """This run of the daemon: another one counts its events anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped(Record):
    """This subscriber read too slowly: `n` events, the oldest waiting, up to `seq`, were not sent to it."""

    type: ClassVar[str] = "dropped"
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Message):
    """The answer to one command, in the order of the commands."""

    type: ClassVar[str] = "reply"
    command: str | None
    """The command answered; null when it could not be made out."""
    request_id: RequestId
    """What the command gave, else null."""
    ok: bool
    error: str | None = None
    """What was wrong and what would be right; null when `ok`."""
    data: dict[str, Any] = field(default_factory=dict)


RECORDS: tuple[type[Message], ...] = (Hello, *EVENTS, Dropped, Reply)
"""Everything that is ever sent."""
