"""What can be set. A new setting is a field here, and nothing else: flags, environment and TOML all follow it.

A field's name is its TOML key. Sections are nested records; `[search] threshold` is also KWSD_SEARCH_THRESHOLD.
"""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

from kwsd import limits
from kwsd.config.mqtt import Mqtt
from kwsd.config.transcripts import Transcripts
from kwsd.config.web import Web
from kwsd.config.wyoming import Wyoming
from kwsd.models.directory import DEFAULT_MODEL
from kwsd.quick_dataclass import dataclass
from kwsd.search.settings import OrderSettings, SearchSettings
from kwsd.sentences.settings import SentenceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedWords:
    """[fallback]: yes, no, up, down, left, right, on, off, stop, go, in little memory."""

    mode: Literal["off", "alongside", "only", "auto"] = "off"
    """`alongside` hears both, `only` never loads the open-vocabulary model, `auto` stands in when that one cannot."""
    engine: limits.EngineName = "ds-cnn"
    """`ds-cnn` looks at windows of a second and is more exact; `nc-ssm` decides at every frame and costs less."""
    hop_s: Annotated[float, limits.HOP_S] = 0.16
    """Seconds from one window of the DS-CNN to the next."""
    hold_s: Annotated[float, limits.HOLD_S] = 0.64
    """A word is reported once its score has not risen for this long, seconds: by then it is heard what follows."""
    alone: bool = True
    """Report a word only where it is said on its own: silence before and after it, and no unknown word."""
    refractory_s: Annotated[float, limits.REFRACTORY_S] = 0.5
    """Seconds after a word in which nothing else is reported."""
    threshold: Annotated[float, limits.THRESHOLD] | None = None
    """Score that fires, for all words; None takes each word's own. The keyword file may give one by word."""
    words: tuple[str, ...] = ()
    """Words to report; empty means those of the keyword file, or all ten where it has none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """[daemon]: socket, sound kept, programs run. Only for the daemon: a microphone, or any input with a socket."""

    socket: Path | None = None
    """Where subscribers connect; None is $RUNTIME_DIRECTORY/kwsd.sock, else $XDG_RUNTIME_DIR/kwsd/kwsd.sock."""
    socket_mode: Annotated[str, limits.FileMode()] = "0660"
    """Permissions of the socket, octal. Who may write to it may connect and hear events."""
    socket_group: str | None = None
    """Group that the socket belongs to; None leaves it."""
    command_group: str | None = None
    """Group whose members may give commands, beside root and the daemon's own user."""
    watch_keywords: bool = True
    """Reload when the keyword file changes."""
    backlog_s: Annotated[float, limits.BACKLOG_S] = 2.0
    """Sound of a microphone that may wait to be decoded, seconds; beyond that the oldest is dropped."""
    heartbeat_s: Annotated[float, limits.HEARTBEAT_S] = 10.0
    """Seconds between heartbeats, for subscribers to them."""
    exec: str | None = None
    """Program to run for every detection, and for every order behind one, whose sound it is given; never through a
    shell."""
    exec_limit: Annotated[int, limits.EXEC_LIMIT] = 4
    """How many of them may run at once; further detections run none."""
    exec_timeout_s: Annotated[float, limits.EXEC_TIMEOUT_S] = 10.0
    """Seconds until one is ended."""
    clips: bool = False
    """Keep the last 10 s of sound in memory for the command `clip`."""
    save_detections: Path | None = None
    """Directory for a WAV file per detection, one of its own."""
    save_near_misses: bool = False
    """Save the sound of near misses there as well, for `kwsctl review`."""
    save_orders: Path | None = None
    """Directory for a WAV file per order, whose path `speech_end` tells; one of its own."""
    save_group: str | None = None
    """Group that may read these files; None keeps them from everybody but kwsd's own user."""
    save_limit_mb: Annotated[float, limits.SAVE_MB] = 100.0
    """Most that the files of each may take; the oldest go first."""
    save_limit_days: Annotated[float, limits.SAVE_DAYS] = 30.0
    """Oldest that they may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything. Paths of a TOML file are relative to that file."""

    keywords: Path | None = None
    """Keyword file."""
    sentences: Path | None = None
    """File of sentences in Home Assistant's syntax; armed by keywords, or all the time where there are none."""
    model: str = DEFAULT_MODEL
    """Name of a model that came with kwsd or was pulled, or a model's directory."""
    chunk_ms: limits.ChunkMs = 320
    """Sound that the model takes at once: 160 tells a word 80 ms sooner, and costs two thirds more."""
    input: Annotated[tuple[str, ...], limits.NotEmpty()] = ("mic",)
    """Where sound comes from: `mic`, audio files, `-` for stdin."""
    device: str | None = None
    """Microphone, by words of its name; None is the system's default."""
    channel: Annotated[int, limits.CHANNEL] | None = None
    """Only this channel, counted from 1; None is the first of a microphone and the mix of a file."""
    raw: Annotated[str, limits.RawFormat()] | None = None
    """What files and pipes without a header hold: SAMPLES[:HZ[:CHANNELS]], such as s16le:48000:2.
    None is what the file's suffix says, and s16le of a pipe; 16000 Hz, 1 channel."""
    quiet_gate: bool = True
    """Spare the network a quiet room: sound in which nobody can be speaking is not looked at closely."""
    automatic_gain: bool = True
    """Bring faint speech nearer to the loudness that models know, by 30 dB at most."""
    json: bool = False
    """Print detections as JSON lines."""
    verbose: bool = False
    """Log more, and show tracebacks."""
    search: SearchSettings = field(default_factory=SearchSettings)
    fallback: FixedWords = field(default_factory=FixedWords)
    intents: SentenceSettings = field(default_factory=SentenceSettings)
    orders: OrderSettings = field(default_factory=OrderSettings)
    transcripts: Transcripts = field(default_factory=Transcripts)
    daemon: Service = field(default_factory=Service)
    wyoming: Wyoming = field(default_factory=Wyoming)
    mqtt: Mqtt = field(default_factory=Mqtt)
    web: Web = field(default_factory=Web)

    @property
    def is_service(self) -> bool:
        """Whether these settings ask for the daemon: a microphone alone, or anything with a socket."""
        return self.input == ("mic",) or self.daemon.socket is not None
