"""The `kwsd-wyoming` command: a wake service for Home Assistant and Wyoming satellites."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from kwsd import __version__
from kwsd.cli.arguments import number
from kwsd.cli.exit_codes import require_extra, run_program
from kwsd.cli.logs import log_for_months
from kwsd.errors import FlagError

DESCRIPTION = """\
Hears the phrases of a text file in whatever Home Assistant and Wyoming satellites send, every client for itself.
Nothing is trained, nothing leaves this machine. It needs no running kwsd. With --satellite it is the other way round:
what is said behind a keyword of the kwsd that runs here (listen = true) goes through Home Assistant's pipeline."""

EPILOG = """\
examples:
  kwsd-wyoming --keywords commands.txt                             port 10400 on all addresses
  kwsd-wyoming --keywords commands.txt --uri tcp://127.0.0.1:10400   for this machine alone
  kwsd-wyoming --keywords commands.txt --zeroconf                  Home Assistant finds it by itself
  kwsd-wyoming --keywords commands.txt --allow 192.168.1.0/24      for one network alone
  kwsd-wyoming --satellite kitchen --uri tcp://0.0.0.0:10700       what is said to the kwsd that runs here
then, in Home Assistant: Settings, Devices & services, Add integration, Wyoming Protocol: this machine and the port;
and choose a phrase in Settings, Voice assistants.

Wyoming knows no passwords: whoever is in an allowed network may connect (private networks and this machine, unless
--allow says otherwise). A change of the keyword file takes effect by itself; clients see it when they ask again.
settings: flags, then environment (KWSD_WYOMING_URI, …), then [wyoming] of config.toml; docs/bridges/wyoming.md.
exit codes: 0 well, 1 failed while running, 2 wrong usage, 78 wrong configuration, keywords or model."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsd-wyoming` with these arguments (those of the process by default); returns the exit code."""
    exit_code = run_program(make_parser(), run, argv)
    logging.shutdown()
    os._exit(exit_code)  # at once: threads that decode are not waited for


def make_parser() -> argparse.ArgumentParser:
    """Its arguments."""
    parser = argparse.ArgumentParser(
        prog="kwsd-wyoming",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--uri", metavar="tcp://HOST:PORT", help="where to listen; tcp://0.0.0.0:10400 by default")
    parser.add_argument("--keywords", metavar="FILE", help="phrases to listen for, one per line")
    parser.add_argument("--model", metavar="NAME|DIR", help="an installed model or its directory")
    parser.add_argument(
        "--chunk-ms", type=int, metavar="N", help="320, or 160 to be told sooner at a higher cost, where a model can"
    )
    parser.add_argument("--threshold", type=number, metavar="X", help="score that fires, 0 to 1; higher is stricter")
    parser.add_argument("--allow", nargs="+", metavar="NETWORK", help="who may connect, such as 192.168.1.0/24")
    parser.add_argument(
        "--zeroconf", nargs="?", const="auto", metavar="NAME", help="be found in the local network, by this name"
    )
    parser.add_argument("--satellite", metavar="NAME", help="hand on the orders of the daemon, by this name")
    parser.add_argument("--play", metavar="COMMAND", help="plays a WAV file on its standard input: the answers")
    parser.add_argument("--socket", metavar="PATH", help="socket of the daemon, if it is not the usual one")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    parser.add_argument("--version", action="version", version=f"kwsd-wyoming {__version__}")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal. Raises KwsdError."""
    require_extra("wyoming", ("wyoming", "zeroconf"))
    from kwsd.config import load_settings  # noqa: PLC0415 - --help should wait for none of it

    flags = {
        "keywords": arguments.keywords,
        "model": arguments.model,
        "chunk_ms": arguments.chunk_ms,
        "search.threshold": arguments.threshold,
        "wyoming.uri": arguments.uri,
        "wyoming.allow": tuple(arguments.allow) if arguments.allow else None,
        "wyoming.zeroconf": arguments.zeroconf,
        "wyoming.satellite": arguments.satellite,
        "wyoming.play": arguments.play,
        "daemon.socket": arguments.socket,
    }
    settings = load_settings(flags, file=arguments.config).settings
    if settings.wyoming.satellite is not None:
        from kwsd.bridges.wyoming.satellite import serve_orders  # noqa: PLC0415 - likewise
        from kwsd.protocol.socket_path import find_socket  # noqa: PLC0415 - likewise

        log_for_months()
        return serve_orders(settings.wyoming.satellite, settings.wyoming, settings.daemon.socket or find_socket())
    if settings.keywords is None:
        raise FlagError(
            "there is nothing to listen for; give --keywords FILE with one phrase per line (demo.txt comes with kwsd)"
        )
    from kwsd.bridges.wyoming.server import serve  # noqa: PLC0415 - likewise

    log_for_months()
    return serve(settings, settings.keywords)
