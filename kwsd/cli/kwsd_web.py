"""The `kwsd-web` command: a local page that shows what the running kwsd hears, and changes what it listens for."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from kwsd import __version__
from kwsd.cli.exit_codes import require_extra, run_program
from kwsd.cli.logs import log_for_months

DESCRIPTION = """\
A page in the browser: how loud it is, what is heard and nearly heard, with its sound; mute; the keywords, with their
pronunciation while you type. It is a process of its own beside a running kwsd: either may be restarted at any time."""

EPILOG = """\
examples:
  kwsd-web                                        then open the link that it prints
  kwsd-web --port 9000 --socket /run/kwsd.sock    for the daemon of the system
  kwsd-web --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --names wake.lan    for a phone in the same network

Nobody sees the page without the token, which is part of the link and stays the same (--token-file). Beyond this
machine a browser lends its microphone to https alone; without a certificate takes are recorded by the daemon's.
settings: flags, then environment (KWSD_WEB_PORT, …), then [web] of config.toml; docs/web.md.
exit codes: 0 well, 1 failed while running, 2 wrong usage, 78 wrong configuration."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `kwsd-web` with these arguments (those of the process by default); returns the exit code."""
    return run_program(make_parser(), run, argv)


def make_parser() -> argparse.ArgumentParser:
    """Its arguments."""
    parser = argparse.ArgumentParser(
        prog="kwsd-web", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", metavar="ADDRESS", help="where to listen; 127.0.0.1, this machine alone, by default")
    parser.add_argument("--port", type=int, metavar="N", help="8373 by default; 0 takes any that is free")
    parser.add_argument("--names", nargs="+", metavar="NAME", help="host names that a browser may ask for it by")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate, PEM: the page is https then")
    parser.add_argument("--tls-key", metavar="FILE", help="the certificate's key, PEM")
    parser.add_argument(
        "--curves", metavar="FILE", help="what `kwsctl tune --json` printed, instead of what it measured last"
    )
    parser.add_argument("--token-file", metavar="FILE", help="where the token is, instead of this user's own file")
    parser.add_argument("--keywords", metavar="FILE", help="keyword file to edit, if not that of the running daemon")
    parser.add_argument("--model", metavar="NAME|DIR", help="whose pronunciations are shown, if not the settings'")
    parser.add_argument("--socket", metavar="PATH", help="socket of the daemon, if it is not the usual one")
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="settings, instead of the usual config.toml")
    parser.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    parser.add_argument("--version", action="version", version=f"kwsd-web {__version__}")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Until a signal. Raises KwsdError."""
    require_extra("web", ("starlette", "uvicorn"))
    import asyncio  # noqa: PLC0415 - --help should wait for none of it

    from kwsd.bridges.web.server import serve  # noqa: PLC0415 - likewise
    from kwsd.config import load_settings  # noqa: PLC0415 - likewise
    from kwsd.protocol.socket_path import find_socket  # noqa: PLC0415 - likewise

    own = ("host", "port", "tls_cert", "tls_key", "curves", "token_file")
    flags = {f"web.{name}": getattr(arguments, name) for name in own}
    names = tuple(arguments.names) if arguments.names else None
    settings = load_settings(
        {
            **flags,
            "web.names": names,
            "daemon.socket": arguments.socket,
            "keywords": arguments.keywords,
            "model": arguments.model,
        },
        file=arguments.config,
    ).settings
    socket = settings.daemon.socket
    log_for_months()
    asyncio.run(serve(settings, socket.expanduser() if socket else find_socket(), tell=tell_link))
    return 0


def tell_link(link: str) -> None:
    """On stdout; but the journal is read by others, and a token is no part of it."""
    print(link.partition("#")[0] if "JOURNAL_STREAM" in os.environ else link, flush=True)
