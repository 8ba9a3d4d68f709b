"""Every command the socket takes, one JSON object per line, and the border where a line becomes one of them.

Imported when the first command comes: pydantic is 8 MiB and 0.1 s that a daemon to which nobody speaks does without.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails

from kwsd.events import EVENT_TYPES
from kwsd.fields import types_of
from kwsd.keywords.keyword import Keyword
from kwsd.limits import END_S, LONGEST_ORDER_S, NOTHING_S, PRE_ROLL_S, THRESHOLD
from kwsd.protocol.messages import CommandError, RequestId

Name = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*$")]
"""Text on one line."""
if TYPE_CHECKING:
    EventType = str
else:
    EventType = Literal[EVENT_TYPES]


class Base(BaseModel):
    """What all commands have in common."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", use_attribute_docstrings=True)

    command: str
    request_id: Annotated[str, Field(max_length=200)] | Annotated[int, Field(ge=-(2**53), le=2**53)] | None = None
    """Anything; the reply repeats it."""


class SourceCommand(Base):
    """A command that may concern one of several microphones."""

    source: Name | None = None
    """Name of a `[[source]]`; null means all of them, and of a clip the one that heard the detection."""


class Subscribe(Base):
    """Choose what this connection is sent from now on."""

    command: Literal["subscribe"]
    types: tuple[EventType, ...] | None = None
    """Event types wanted; null means all but the optional: `heartbeat`, `level`, `near_miss`, `held`, `spectrum`,
    `encoder_frames`, `audio`."""
    keywords: tuple[Name, ...] | None = None
    """Names of the keywords whose detections are wanted; null means all."""
    since: Annotated[int, Field(ge=0, le=2**53)] | None = None
    """`seq` of the last event that was seen: what came after it is sent again, right behind the reply."""
    run: Annotated[str, Field(max_length=200)] | None = None
    """`run` of the hello under which `since` was seen; in another run everything is sent that is still kept."""


class Status(Base):
    """How things stand, with the counters."""

    command: Literal["status"]


class Reload(SourceCommand):
    """Read the keyword file again."""

    command: Literal["reload"]


class SetKeywords(SourceCommand):
    """Listen for these keywords instead, until the next reload or restart. The keyword file is not touched."""

    command: Literal["set_keywords"]
    keywords: Annotated[tuple[Keyword | Name, ...], Field(min_length=1)]
    """Phrases, or objects with settings."""


class SetThreshold(SourceCommand):
    """Change what a score has to reach, until the keyword file changes or is read again."""

    command: Literal["set_threshold"]
    threshold: Annotated[float, THRESHOLD]
    keyword: Name | None = None
    """Name of the keyword; null means every keyword."""
    save: bool = False
    """Write it into the keyword file, where it stays."""


class Mute(SourceCommand):
    """Close the microphone."""

    command: Literal["mute"]


class Unmute(SourceCommand):
    """Open the microphone again."""

    command: Literal["unmute"]


class Clip(SourceCommand):
    """The sound around a detection, or between two times, out of the ring of the last seconds, as a WAV file."""

    command: Literal["clip"]
    id: int | None = None
    """A detection; its `start` and `end`, with half a second on either side, are taken where no time is given."""
    start: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Seconds of sound since the daemon started."""
    end: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    """Seconds of sound since the daemon started; may lie ahead, then the reply waits for the sound to arrive."""


class Listen(SourceCommand):
    """Listen for an order from now on, whatever was listened for before; `speech_end` or `no_speech` tells its end."""

    command: Literal["listen"]
    on: bool = True
    """False: stop listening."""
    end_s: Annotated[float, END_S] | None = None
    """Silence that ends it, seconds; null, here and below, means what is set."""
    longest_s: Annotated[float, LONGEST_ORDER_S] | None = None
    """Longest order; what is longer is cut there."""
    nothing_s: Annotated[float, NOTHING_S] | None = None
    """Seconds in which nothing is said until `no_speech` tells so."""
    pre_roll_s: Annotated[float, PRE_ROLL_S] | None = None
    """The sound begins so long before now, so far as it has been kept."""


class Why(Base):
    """What decided a detection or a near miss."""

    command: Literal["why"]
    event: Annotated[str, Field(pattern=r"^(last|m?\d{1,15})$")] = "last"
    """The id of a detection, that of a near miss behind an m, or `last` for whichever came last."""


class Trace(Base):
    """Have near misses sent to this connection, or no longer."""

    command: Literal["trace"]
    on: bool = True


Command = Annotated[
    Subscribe | Status | Reload | SetKeywords | SetThreshold | Mute | Unmute | Clip | Listen | Why | Trace,
    Field(discriminator="command"),
]

CHANGING = (Reload, SetKeywords, SetThreshold, Mute, Unmute, Clip, Listen)
"""Commands for the daemon's own user, root and the configured group only: those that change anything, and sound."""

with_config(ConfigDict(strict=True, extra="forbid", use_attribute_docstrings=True))(Keyword)  # as commands have it
COMMANDS: TypeAdapter[Command] = TypeAdapter(Command)


def parse_command(line: bytes) -> Command:
    """One line of a client → a command.

    Raises:
        CommandError: naming the field and what it may be; it carries the request_id where there was one.
    """
    try:
        return COMMANDS.validate_json(line)
    except ValidationError as error:
        sent: dict[str, Any] = {}
        with suppress(ValidationError):
            sent = _OBJECT.validate_json(line)
        command, request = sent.get("command"), sent.get("request_id")
        name = command[:200] if isinstance(command, str) else None
        request_id: RequestId = None
        if isinstance(request, str):
            request_id = request[:200]
        elif type(request) is int and abs(request) <= 2**53:
            request_id = request
        raise CommandError(_explain(error), name, request_id) from None


_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def _explain(error: ValidationError) -> str:
    """Field and what is wrong with it; where a field may be of several kinds, what is wrong for each."""
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    if mistakes[0]["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        return f"no such command; there are: {', '.join(COMMAND_NAMES)}"
    first = _where(mistakes[0])
    complaints = [mistake["msg"] for mistake in mistakes if _where(mistake) == first]
    return f"{first}: {', or: '.join(complaints)}" if first else complaints[0]


def _where(mistake: ErrorDetails) -> str:
    """Such as `keywords.1.phrase`; what pydantic adds to tell the kinds of a union apart is left out."""
    path = mistake["loc"][1:]
    unknown = path[-1:] if mistake["type"] == "extra_forbidden" else ()
    known = (part for part in path if isinstance(part, int) or part in _FIELDS)
    return ".".join(str(part) for part in (*known, *unknown))


_FIELDS = {name for model in get_args(get_args(Command)[0]) for name in model.model_fields} | set(types_of(Keyword))

COMMAND_NAMES = (
    *(
        "subscribe",
        "status",
        "reload",
        "set_keywords",
        "set_threshold",
        "mute",
        "unmute",
        "clip",
        "listen",
        "why",
        "trace",
    ),
)
