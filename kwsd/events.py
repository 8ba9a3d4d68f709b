"""What kwsd tells the world: frozen records of one shape. Names, subscriptions and the published schema follow `Event`.

Changes are additive: a client ignores types and fields that it does not know. Anything else raises PROTOCOL.
"""

from typing import ClassVar, Literal, get_args

from kwsd.intents import Intent, Transcript
from kwsd.orders import Audio, NoSpeech, SpeechEnd, SpeechStart
from kwsd.quick_dataclass import dataclass
from kwsd.records import Record
from kwsd.told_frames import EncoderFrames
from kwsd.why import Evidence

LevelFault = Literal["clipped", "faint", "narrow", "slow", "fast"]
State = Literal["listening", "waiting", "muted", "silent"]
"""`waiting`: there is no microphone, and kwsd keeps trying to open it; `silent`: it gives nothing but one value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection(Record):
    """A keyword was heard. Times without a unit are seconds of sound since the daemon started; they never restart."""

    type: ClassVar[str] = "detection"
    id: int = 0
    """Counts from 1 since the daemon started; `clip` takes it. 0 where there is no daemon."""
    keyword: str
    """Stable name: the `@name` of the keyword file, else the phrase."""
    phrase: str
    """As written in the keyword file, whichever of its spellings was heard."""
    start: float
    """Where the first token was heard; the sound itself begins about a quarter of a second earlier."""
    end: float
    """Where the last token ends."""
    score: float
    """How sure it is, 0 to 1: the mean posterior of the tokens, of each the best inside its own span; or, of long
    phrases and where a model brings weights for it, one score of all that is seen."""
    min_score: float
    """The smallest posterior."""
    threshold: float
    """What `score` had to reach."""
    tokens: tuple[str, ...]
    """Pieces of the spelling that was heard."""
    timestamps: tuple[float, ...]
    """Where each of them was heard."""
    engine: str = "zipformer"
    """Which engine heard it."""
    second_engine: str | None = None
    """Which other engine heard the same word at the same time; null when one engine heard it alone."""
    second_score: float | None = None
    """That engine's score, 0 to 1."""
    stream_time: float = 0.0
    """Seconds of sound that had to arrive before this could be decided."""
    latency_ms: float = 0.0
    """`stream_time` minus `end`, in milliseconds of sound."""
    why: Evidence | None = None
    """What decided it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMiss(Record):
    """A keyword that was nearly heard. Only sent after `trace on`."""

    type: ClassVar[str] = "near_miss"
    optional: ClassVar[bool] = True
    id: int = 0
    """Counts from 1 since the daemon started, apart from detections; `why` takes it as `m1`."""
    keyword: str
    phrase: str
    start: float
    end: float
    score: float
    min_score: float
    reason: str
    """What it fell short of."""
    why: Evidence | None = None
    """What held it back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicLost(Record):
    """The microphone could not be opened, failed, or went quiet without an error. The daemon keeps trying."""

    type: ClassVar[str] = "mic_lost"
    microphone: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MicRecovered(Record):
    """Sound arrives again."""

    type: ClassVar[str] = "mic_recovered"
    microphone: str
    after_s: float
    """How long it was gone."""
    attempts: int
    """Attempts to open it, the successful one included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MicSilent(Record):
    """The microphone gives one value or buffer for ever, as no open one does (`active`), or sound again."""

    type: ClassVar[str] = "mic_silent"
    active: bool
    microphone: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MicLevel(Record):
    """What the microphone gives is badly levelled, cut or too little (`active`), so that less is heard; or is well."""

    type: ClassVar[str] = "mic_level"
    active: bool
    fault: LevelFault
    """`faint`: nothing louder than -50 dB came for an hour, or since the start; `narrow`: nothing above 4 kHz;
    `slow`, `fast`: for two minutes less or more sound came than time passed, by a twentieth and more."""
    microphone: str
    reason: str
    """The same in words, and the remedy."""
    rms_db: float
    """Of the last 20 s; full scale is 0 dB."""
    peak_db: float
    clipped_share: float
    """Samples at full scale among them, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun(Record):
    """Sound was lost: the driver overran, or the oldest was dropped because decoding fell behind."""

    type: ClassVar[str] = "overrun"
    lost_ms: float
    total_lost_ms: float
    """Since the daemon started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded(Record):
    """Less is heard than was asked for (`active`), or all of it again.

    Decoding has been slower than real time for a while, or the fixed commands stand in for a model. When one of two
    causes ends, it is sent again with `active` and the one that holds.
    """

    type: ClassVar[str] = "degraded"
    active: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Record):
    """A model that could not be loaded at the start hears after all; `reloaded` follows with the keywords in force."""

    type: ClassVar[str] = "loaded"
    model: str
    """What to call the models that hear now."""
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded(Record):
    """A new keyword list is in force, after a reload or because a model could be loaded. No sound was lost by it."""

    type: ClassVar[str] = "reloaded"
    keywords: tuple[str, ...]
    problems: tuple[str, ...] = ()
    """Lines of the file that were passed over, as `file:line: what and why`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFailed(Record):
    """The new keyword list has no usable keyword, or cannot be read. The old one stays in force."""

    type: ClassVar[str] = "reload_failed"
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Muted(Record):
    """The microphone was closed on request."""

    type: ClassVar[str] = "muted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmuted(Record):
    """The microphone may be opened again."""

    type: ClassVar[str] = "unmuted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Record):
    """A sign of life; only to who subscribes to it."""

    type: ClassVar[str] = "heartbeat"
    optional: ClassVar[bool] = True
    state: State
    stream_time: float
    """Seconds of sound decoded since the daemon started."""
    progress_age_s: float
    """Time since sound was last decoded, or an attempt to open the microphone ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level(Record):
    """How loud it is, about three times a second; only to who subscribes to it. Full scale is 0 dB."""

    type: ClassVar[str] = "level"
    optional: ClassVar[bool] = True
    rms_db: float
    peak_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Held(Record):
    """What the search holds of the keywords at the moment, about three times a second while it holds anything."""

    type: ClassVar[str] = "held"
    optional: ClassVar[bool] = True
    scores: dict[str, float]
    """By the keyword's name: posteriors of what was heard of it so far, over all of its tokens, 0 to 1; those of which
    nothing is held are left out. Nothing is decided by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum(Record):
    """A picture of the sound of 320 ms, for those who may have the sound itself; only to who subscribes to it."""

    type: ClassVar[str] = "spectrum"
    optional: ClassVar[bool] = True
    private: ClassVar[bool] = True
    bands: int
    """Bands of one column, 20 to 7600 Hz on the mel scale."""
    column_s: float
    """Seconds of sound in one column."""
    picture: str
    """Base64 of a byte per band, the lowest first, column after column: 0 is the faintest."""
    rms_db: float
    """As `level` tells of the same sound: who draws both subscribes to this alone."""
    peak_db: float


Event = (
    Detection
    | Intent
    | SpeechStart
    | SpeechEnd
    | NoSpeech
    | Transcript
    | Audio
    | MicLost
    | MicRecovered
    | MicSilent
    | MicLevel
    | Overrun
    | Degraded
    | Loaded
    | Reloaded
    | ReloadFailed
    | Muted
    | Unmuted
    | Heartbeat
    | Level
    | NearMiss
    | Held
    | Spectrum
    | EncoderFrames
)
"""What the bus carries to every subscriber who wants it."""

EVENTS: tuple[type[Event], ...] = get_args(Event)
EVENT_TYPES = tuple(event.type for event in EVENTS)
DEFAULT_TYPES = frozenset(event.type for event in EVENTS if not event.optional)
"""What a subscriber gets without asking; the others only by naming them."""
PRIVATE_TYPES = frozenset(event.type for event in EVENTS if event.private)
"""What not everybody who may connect may have."""
