"""[wyoming]: the wake service for Home Assistant and satellites."""

from typing import Annotated

from kwsd import limits
from kwsd.quick_dataclass import dataclass

HOME_NETWORKS = (
    "127.0.0.0/8",
    "::1/128",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "fc00::/7",
    "fe80::/10",
)
"""Loopback, and what is private or of one link: RFC 1918, 3927, 4193 and 4291."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wyoming:
    """[wyoming]: where `kwsd-wyoming` listens, whom it lets in, and how much one client may take."""

    uri: Annotated[str, limits.TcpAddress()] = "tcp://0.0.0.0:10400"
    """Address and port, tcp://HOST:PORT; port 0 takes any that is free."""
    allow: Annotated[tuple[Annotated[str, limits.Network()], ...], limits.NotEmpty()] = HOME_NETWORKS
    """Networks whose machines may connect; Wyoming itself knows no passwords."""
    zeroconf: Annotated[str, limits.ServiceName()] | None = None
    """Name to be found by in the local network, `auto` one of this machine's own; None announces nothing."""
    satellite: Annotated[str, limits.Text(longest=60)] | None = None
    """Name in Home Assistant; given, it is a satellite for the orders of the daemon, and no wake service."""
    play: Annotated[str, limits.Text()] | None = None
    """Program that is given Home Assistant's answers as WAV files on standard input; None asks for none."""
    languages: Annotated[tuple[str, ...], limits.NotEmpty()] = ("en",)
    """What the phrases are in, as clients are told."""
    max_clients: Annotated[int, limits.CLIENTS] = 64
    """Connections at once; when all are taken, one that never spoke makes way, or one silent for a minute."""
    buffered_s: Annotated[float, limits.BUFFERED_S] = 10.0
    """Seconds of a client's sound that may wait to be decoded; then it is read no further until there is room."""
    max_line_bytes: Annotated[int, limits.LINE_BYTES] = 64 * 1024
    """Longest line of an event."""
    max_data_bytes: Annotated[int, limits.DATA_BYTES] = 1 << 20
    """Most data behind a line."""
    max_payload_bytes: Annotated[int, limits.DATA_BYTES] = 1 << 20
    """Most sound in one event: 32 s at 16 kHz."""
    stalled_s: Annotated[float, limits.STALLED_S] = 10.0
    """Seconds until a client is dropped that says nothing at first, leaves an event unfinished or reads no answer."""
