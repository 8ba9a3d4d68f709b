"""What numbers and texts may be: the one home of every range. The border that takes a value names what is wrong."""

import math
import re
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any, ClassVar, Literal, get_args

from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """Finite numbers from `low` to `high`, both included unless `above` leaves out `low`."""

    __is_annotated_types_grouped_metadata__: ClassVar[Literal[True]] = True

    low: float
    high: float
    example: float
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        return f"{'above' if self.above else 'at least'} {self.low:g} and at most {self.high:g}"

    def __iter__(self) -> Iterator[Any]:
        """For pydantic, which takes the bounds into the published schema."""
        from pydantic import Field  # noqa: PLC0415 - only pydantic ever asks

        low = Field(gt=self.low) if self.above else Field(ge=self.low)
        yield from (*low.metadata, *Field(le=self.high, allow_inf_nan=False).metadata)

    def check(self, value: float) -> None:
        """Raises ValueError: the number is outside."""
        if value not in self:
            raise ValueError(f"is not {self}")


@dataclass(frozen=True, slots=True)
class Text:
    """Text on one line that can be seen, of `shortest` to `longest` characters."""

    shortest: int = 1
    longest: int = 500  # what is longer is a file of another kind

    def check(self, text: str) -> None:
        """Raises ValueError: nobody types that on purpose."""
        if len(text) > self.longest:
            raise ValueError(f"is {len(text)} characters long; {self.longest} are allowed")
        for column, character in enumerate(text, start=1):
            if not (character.isprintable() or character.isspace()):
                raise ValueError(f"has U+{ord(character):04X} as character {column}, which cannot be seen; delete it")
        if len(text.strip()) < self.shortest:
            raise ValueError("is empty")


@dataclass(frozen=True, slots=True)
class RawFormat:
    """What sound without a header is: its samples, and where they are not 16000 and 1, Hz and channels."""

    def check(self, text: str) -> None:
        """Raises ValueError: nobody writes it so."""
        found = re.fullmatch(rf"({'|'.join(RAW_SAMPLES)})(?::([0-9]{{4,6}})(?::([0-9]{{1,4}}))?)?", text)
        if found is None or (found[3] and int(found[3]) not in CHANNEL):
            raise ValueError(
                f"is not SAMPLES[:HZ[:CHANNELS]], such as s16le:48000:2; SAMPLES: {', '.join(RAW_SAMPLES)}"
            )


@dataclass(frozen=True, slots=True)
class NotEmpty:
    """One at least."""

    def check(self, several: tuple[Any, ...]) -> None:
        """Raises ValueError: there is none."""
        if not several:
            raise ValueError("is empty")


@dataclass(frozen=True, slots=True)
class FileMode:
    """Permissions, octal."""

    def check(self, text: str) -> None:
        """Raises ValueError: these are no permissions."""
        if not re.fullmatch("0?[0-7]{3}", text):
            raise ValueError("is not three octal digits, such as 0660")


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """tcp://HOST:PORT."""

    def check(self, text: str) -> None:
        """Raises ValueError: it is none."""
        found = re.fullmatch(r"tcp://(?:\[[0-9a-fA-F:.]+\]|[\w.-]+):(\d{1,5})", text)
        if found is None or int(found[1]) > HIGHEST_PORT:
            raise ValueError("is not an address such as tcp://0.0.0.0:10400")


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """mqtt://HOST[:PORT], or mqtts://."""

    def check(self, text: str) -> None:
        """Raises ValueError: it is none."""
        if "@" in text:
            raise ValueError("has a name in it; give --username NAME and --password-file FILE")
        found = re.fullmatch(r"mqtts?://(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::(\d{1,5}))?", text)
        if found is None or int(found[1] or 1) > HIGHEST_PORT:
            raise ValueError("is not an address such as mqtt://broker.lan:1883")


@dataclass(frozen=True, slots=True)
class TopicName:
    """One level of a topic, and what Home Assistant takes for one."""

    def check(self, text: str) -> None:
        """Raises ValueError: it is none."""
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
            raise ValueError("is not a name of letters, digits, _ and -")


@dataclass(frozen=True, slots=True)
class Network:
    """A network of IPv4 or IPv6, or one machine."""

    def check(self, text: str) -> None:
        """Raises ValueError: it is none."""
        try:
            ip_network(text)
        except ValueError:
            raise ValueError("is not a network such as 192.168.1.0/24") from None


@dataclass(frozen=True, slots=True)
class ServiceName:
    """One label of DNS, as zeroconf names services."""

    def check(self, text: str) -> None:
        """Raises ValueError: it is none."""
        if not re.fullmatch(r"[^.\x00-\x1f]{1,63}", text) or len(text.encode()) > 63:  # noqa: PLR2004 - RFC 1035
            raise ValueError("is not a name of up to 63 bytes without a point, such as kwsd-kitchen")


# A keyword, and the search as a whole.
BOOST = Range(0, 20, example=1.0)  # per token; e^20 outweighs any acoustic evidence
THRESHOLD = Range(0, 1, example=0.35, above=True)  # 0 would always fire, which nobody means
MIN_SCORE = Range(0, 1, example=0.05)
MARGIN = Range(-100, 0, example=-6.25)  # nats
TRAILING_BLANKS = Range(0, 100, example=1)  # frames of 40 ms
GAP_S = Range(0, 60, example=0.8, above=True)
DURATION_S = Range(0, 60, example=0.2)
REFRACTORY_S = Range(0, 3600, example=2.0)
BEAM = Range(1, 64, example=8)
BEAM_DELTA = Range(0, 100, example=5.0, above=True)  # nats
ARMED_S = Range(0.5, 600, example=8.0)
END_S = Range(0.2, 10, example=0.8)
LONGEST_ORDER_S = Range(1, 60, example=15.0)
NOTHING_S = Range(0.5, 60, example=4.0)
PRE_ROLL_S = Range(0, 10, example=0.3)
TRANSCRIPT_S = Range(0, 600, example=30.0, above=True)
IDLE_MINUTES = Range(0, 10_080, example=10.0, above=True)
TYPED = Text()
NAME = Text(shortest=0)
SOURCE_NAME = Text(longest=64)

# The fixed words.
HOP_S = Range(0.02, 0.98, example=0.16)
HOLD_S = Range(0, 2, example=0.32)
EngineName = Literal["ds-cnn", "nc-ssm"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)

# The model.
ChunkMs = Literal[320, 160]

# The daemon.
CHANNEL = Range(1, 1024, example=1)
RAW_SAMPLES = ("s16le", "s16be", "s24le", "s32le", "f32le", "u8", "mulaw", "alaw")
BACKLOG_S = Range(0.5, 30, example=2.0)
HEARTBEAT_S = Range(0.1, 3600, example=10.0)
EXEC_LIMIT = Range(1, 64, example=4)
EXEC_TIMEOUT_S = Range(0, 3600, example=10.0, above=True)
SAVE_MB = Range(0, 1e6, example=100.0, above=True)
SAVE_DAYS = Range(0, 36500, example=30.0, above=True)

# A client.
TIMEOUT_S = Range(0, 3600, example=5.0, above=True)

# Bridges.
HIGHEST_PORT = 65_535
PORT = Range(0, HIGHEST_PORT, example=8373)
CLIENTS = Range(1, 1000, example=64)
BUFFERED_S = Range(1, 60, example=10.0)
LINE_BYTES = Range(1024, 1 << 20, example=65_536)
DATA_BYTES = Range(1024, 1 << 24, example=1 << 20)
STALLED_S = Range(0, 600, example=10.0, above=True)
