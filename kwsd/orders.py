"""What is told of an order: what is said behind a keyword that listens, or after the command `listen`."""

from typing import ClassVar, Literal

from kwsd.quick_dataclass import dataclass
from kwsd.records import Record

EndReason = Literal["silence", "longest", "lost", "stopped"]
"""`longest`: it was cut, for orders are no longer; `lost`: the sound ended, or too much of it was lost; `stopped`: by
the command `listen`, or because the microphone was closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStart(Record):
    """Somebody began to speak. Times without a unit are seconds of sound since the daemon started."""

    type: ClassVar[str] = "speech_start"
    keyword: str | None
    """Name of the keyword that listens; null where the command `listen` was given."""
    since: float
    """Where listening began, which is the `end` of the keyword's detection. It is the same in all that is told of one
    order."""
    start: float
    """Where the speech begins, to 0.1 s or so."""
    stream_time: float
    """Seconds of sound that had to arrive before this could be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnd(Record):
    """The order is over, its sound complete."""

    type: ClassVar[str] = "speech_end"
    keyword: str | None
    """As in `speech_start`."""
    since: float
    """As in `speech_start`."""
    start: float
    """Where the speech began, as `speech_start` said."""
    end: float
    """Where it ended, before the silence."""
    reason: EndReason
    """What ended it."""
    sound_start: float
    """Where its sound begins: `since` less the pre-roll."""
    sound_end: float
    """Where its sound ends: where its end was told, since `end` is an estimate."""
    file: str | None = None
    """Path of a WAV file with its sound, complete by now; null where none is written."""
    file_error: str | None = None
    """Why there is no file although one was asked for; null else."""
    stream_time: float
    """Seconds of sound that had to arrive before this could be decided."""
    latency_ms: float
    """`stream_time` minus `end`, in milliseconds of sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSpeech(Record):
    """Nothing was said, and nothing is listened for any more."""

    type: ClassVar[str] = "no_speech"
    keyword: str | None
    """As in `speech_start`."""
    since: float
    """As in `speech_start`."""
    reason: EndReason
    """`silence`: for as long as was to be waited."""
    stream_time: float
    """Seconds of sound that had to arrive before this could be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audio(Record):
    """Sound of an order, from the pre-roll to its end without a gap, some 0.1 s at a time; only to who subscribes.

    What is lost on its way shows in `start`.
    """

    type: ClassVar[str] = "audio"
    optional: ClassVar[bool] = True
    private: ClassVar[bool] = True
    since: float
    """As in `speech_start`."""
    start: float
    """Of its first sample."""
    pcm: str
    """Base64 of raw samples: signed 16 bits, little-endian (s16le), 16 kHz, one channel."""


OrderEvent = SpeechStart | SpeechEnd | NoSpeech
