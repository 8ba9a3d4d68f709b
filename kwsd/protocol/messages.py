"""Every record the socket sends, one JSON object per line. `docs/protocol.schema.json` is generated from these models.

Changes are additive: a client ignores types and fields that it does not know. Anything else raises PROTOCOL.
"""

from datetime import UTC, datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

PROTOCOL = 1

State = Literal["listening", "waiting", "muted"]
"""`waiting`: there is no microphone at the moment and the daemon keeps trying to open it."""

RequestId = str | int | None


def now() -> str:
    """The wall clock as ISO 8601 in UTC, to the microsecond. For people: nothing in kwsd computes with it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Record(BaseModel):
    """What all records have in common."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    type: str
    time: str = Field(default_factory=now)
    """Wall clock when the record was made, ISO 8601 in UTC."""

    def line(self) -> bytes:
        """The record as it goes over the socket."""
        return self.model_dump_json().encode() + b"\n"


class Microphone(BaseModel):
    """The source of sound, as it stands."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    name: str
    """The resolved name of the device, or what was asked for while it is not there."""
    open: bool
    """Whether sound is being read from it; false while muted."""


class Hello(Record):
    """The first line to everybody who connects: how things stand."""

    type: Literal["hello"] = "hello"
    protocol: int = PROTOCOL
    version: str
    model: str
    keywords: tuple[str, ...]
    """Names of the keywords that are listened for, as `detection` events call them."""
    microphone: Microphone
    state: State
    degraded: bool
    """Whether less is heard than was asked for; `degraded` events say why."""


class DetectionEvent(Record):
    """A keyword was heard. Times without a unit are seconds of sound since the daemon started; they never restart."""

    type: Literal["detection"] = "detection"
    id: int
    """Counts from 1 since the daemon started; `clip` takes it."""
    keyword: str
    """Stable name: the `@name` of the keyword file, else the phrase."""
    phrase: str
    """As written in the keyword file, whichever of its spellings was heard."""
    start: float
    """Where the first token was heard; the sound itself begins about a quarter of a second earlier."""
    end: float
    """Where the last token ends."""
    score: float
    """Mean posterior of the tokens, 0 to 1."""
    min_score: float
    """The smallest of them."""
    threshold: float
    """What `score` had to reach."""
    tokens: tuple[str, ...]
    """Pieces of the spelling that was heard."""
    timestamps: tuple[float, ...]
    """Where each of them was heard."""
    engine: str
    """Which engine heard it."""
    second_engine: str | None = None
    """Which other engine heard the same word at the same time; null when one engine heard it alone."""
    second_score: float | None = None
    stream_time: float
    """Seconds of sound that had to arrive before this could be decided."""
    latency_ms: float
    """`stream_time` minus `end`, in milliseconds of sound."""


class NearMiss(Record):
    """A keyword that was nearly heard. Only sent after `trace on`."""

    type: Literal["near_miss"] = "near_miss"
    keyword: str
    phrase: str
    start: float
    end: float
    score: float
    min_score: float
    reason: str
    """What it fell short of."""


class MicLost(Record):
    """The microphone could not be opened, failed, or went quiet without an error. The daemon keeps trying."""

    type: Literal["mic_lost"] = "mic_lost"
    microphone: str
    reason: str


class MicRecovered(Record):
    """Sound arrives again."""

    type: Literal["mic_recovered"] = "mic_recovered"
    microphone: str
    after_s: float
    """How long it was gone."""
    attempts: int
    """Attempts to open it, the successful one included."""


class Overrun(Record):
    """Sound was lost: the driver overran, or the oldest was dropped because decoding fell behind."""

    type: Literal["overrun"] = "overrun"
    lost_ms: float
    total_lost_ms: float
    """Since the daemon started."""


class Degraded(Record):
    """Less is heard than was asked for (`active`), or all of it again.

    Decoding has been slower than real time for a while, or the fixed commands stand in for a model. When one of two
    causes ends, it is sent again with `active` and the one that holds.
    """

    type: Literal["degraded"] = "degraded"
    active: bool
    reason: str


class Reloaded(Record):
    """A new keyword list is in force, after a reload or because a model could be loaded. No sound was lost by it."""

    type: Literal["reloaded"] = "reloaded"
    keywords: tuple[str, ...]
    problems: tuple[str, ...] = ()
    """Lines of the file that were passed over, as `file:line: what and why`."""


class ReloadFailed(Record):
    """The new keyword list has no usable keyword, or cannot be read. The old one stays in force."""

    type: Literal["reload_failed"] = "reload_failed"
    problems: tuple[str, ...]


class Muted(Record):
    """The microphone was closed on request."""

    type: Literal["muted"] = "muted"


class Unmuted(Record):
    """The microphone may be opened again."""

    type: Literal["unmuted"] = "unmuted"


class Dropped(Record):
    """This subscriber read too slowly: `n` events, the oldest waiting, were not sent to it."""

    type: Literal["dropped"] = "dropped"
    n: int


class Heartbeat(Record):
    """A sign of life; only to who subscribes to it."""

    type: Literal["heartbeat"] = "heartbeat"
    state: State
    stream_time: float
    """Seconds of sound decoded since the daemon started."""
    progress_age_s: float
    """Time since sound was last decoded, or an attempt to open the microphone ended."""


class Level(Record):
    """How loud it is, about three times a second; only to who subscribes to it. Full scale is 0 dB."""

    type: Literal["level"] = "level"
    rms_db: float
    peak_db: float


class Reply(Record):
    """The answer to one command, in the order of the commands."""

    type: Literal["reply"] = "reply"
    command: str | None
    """The command answered; null when it could not be made out."""
    request_id: RequestId
    """What the command gave, else null."""
    ok: bool
    error: str | None = None
    """What was wrong and what would be right; null when `ok`."""
    data: dict[str, Any] = {}


Event = (
    DetectionEvent
    | NearMiss
    | MicLost
    | MicRecovered
    | Overrun
    | Degraded
    | Reloaded
    | ReloadFailed
    | Muted
    | Unmuted
    | Heartbeat
    | Level
)
"""What the bus carries to every subscriber who wants it."""

EVENT_TYPES = (
    "detection",
    "mic_lost",
    "mic_recovered",
    "overrun",
    "degraded",
    "reloaded",
    "reload_failed",
    "muted",
    "unmuted",
)
"""What a subscriber gets without asking. `dropped` goes to the one concerned, whatever it subscribed to."""

OPTIONAL_TYPES = ("heartbeat", "level", "near_miss")
"""What a subscriber gets only by naming it."""

RECORDS: tuple[type[Record], ...] = (Hello, *get_args(Event), Dropped, Reply)
"""Everything that is ever sent."""
