"""The `kwsd-mqtt` command: the daemon's events and state over MQTT, for Home Assistant and everything else."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from kwsd import __version__
from kwsd.cli.exit_codes import require_extra, run_program
from kwsd.cli.logs import log_for_months

DESCRIPTION = """\
Tells an MQTT broker what the running kwsd hears and how it is. Home Assistant finds the device by itself.
It is a process of its own: broker, Home Assistant and kwsd may be restarted in any order."""

EPILOG = """\
examples:
  kwsd-mqtt                                                       a broker on this machine, without password
  kwsd-mqtt --uri mqtts://broker.lan --username wake --password-file ~/.config/kwsd/mqtt
  kwsd-mqtt --allow-commands mute reload                          a switch that mutes, a button that reloads
  mosquitto_sub -v -t 'kwsd/#'                                    what it publishes

topics: kwsd/NODE/event (never retained), and state, listening, microphone, level, version, last_detection,
availability; NODE is a name of this machine's own (--node). Commands, where allowed: listening/set with ON or OFF,
reload/set, keywords/set with a JSON list; each is answered on kwsd/NODE/reply.
settings: flags, then environment (KWSD_MQTT_URI, …), then [mqtt] of config.toml; docs/bridges/mqtt.md.
exit codes: 0 well, 1 failed while running, 2 wrong usage, 78 wrong configuration."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsd-mqtt` with these arguments (those of the process by default); returns the exit code."""
    return run_program(make_parser(), run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Its arguments."""
    parser = argparse.ArgumentParser(
        prog="kwsd-mqtt", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--uri", metavar="mqtt://HOST", help="the broker, with :PORT if need be; mqtts:// for TLS")
    parser.add_argument("--username", metavar="NAME", help="who we are to the broker")
    parser.add_argument("--password-file", metavar="FILE", help="its first line is the password")
    parser.add_argument("--ca-file", metavar="FILE", help="certificate that the broker's is signed by")
    parser.add_argument("--node", metavar="NAME", help="name in topics, stable for ever")
    parser.add_argument("--device", metavar="NAME", help="what Home Assistant calls the device; kwsd by default")
    parser.add_argument(
        "--allow-commands", nargs="+", choices=("mute", "reload", "keywords"), help="what may be asked for over MQTT"
    )
    parser.add_argument("--socket", metavar="PATH", help="socket of the daemon, if it is not the usual one")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    parser.add_argument("--version", action="version", version=f"kwsd-mqtt {__version__}")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Until a signal. Raises KwsdError."""
    require_extra("mqtt", ["aiomqtt"])
    import asyncio  # noqa: PLC0415 - --help should wait for none of it

    from kwsd.bridges.mqtt.bridge import run_bridge  # noqa: PLC0415 - likewise
    from kwsd.config import load_settings  # noqa: PLC0415 - likewise
    from kwsd.protocol.socket_path import find_socket  # noqa: PLC0415 - likewise

    own = ("uri", "username", "password_file", "ca_file", "node", "device")
    flags = {f"mqtt.{name}": getattr(arguments, name) for name in own}
    commands = tuple(arguments.allow_commands) if arguments.allow_commands else None
    settings = load_settings(
        {**flags, "mqtt.commands": commands, "daemon.socket": arguments.socket}, file=arguments.config
    ).settings
    socket = settings.daemon.socket
    log_for_months()
    asyncio.run(run_bridge(settings.mqtt, socket or find_socket()))
    return 0
