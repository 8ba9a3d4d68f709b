"""[mqtt]: the tie to a broker."""

from pathlib import Path
from typing import Annotated, Literal

from kwsd import limits
from kwsd.quick_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mqtt:
    """[mqtt]: which broker `kwsd-mqtt` tells, as whom, and what it may be told."""

    uri: Annotated[str, limits.BrokerAddress()] = "mqtt://127.0.0.1:1883"
    """The broker: mqtt://HOST[:PORT], or mqtts:// for TLS."""
    username: str | None = None
    """Who the broker is told this is; None connects without a name."""
    password_file: Path | None = None
    """File whose first line is the password; a password on the command line is for all to see."""
    ca_file: Path | None = None
    """Certificate that the broker's is signed by, where that is not one of the system's."""
    node: Annotated[str, limits.TopicName()] | None = None
    """Name in topics and of the device, stable for ever; None is one of this machine's own."""
    device: Annotated[str, limits.Text()] = "kwsd"
    """What Home Assistant calls the device."""
    base: Annotated[str, limits.TopicName()] = "kwsd"
    """Topics are BASE/NODE/…"""
    discovery_prefix: Annotated[str, limits.TopicName()] = "homeassistant"
    """Where Home Assistant looks for devices."""
    commands: tuple[Literal["mute", "reload", "keywords"], ...] = ()
    """What may be asked for over MQTT; nothing unless it stands here."""

    @property
    def host_and_port(self) -> tuple[str, int]:
        """Of the broker; an address of IPv6 stands in brackets."""
        scheme, _, rest = self.uri.partition("://")
        host, colon, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
        usual = 8883 if scheme == "mqtts" else 1883
        return ((host if colon else rest).strip("[]"), int(port) if colon else usual)
