"""The page's server: TLS where a certificate is given, and an end that waits for nobody. Alone it imports uvicorn."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from time import monotonic

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from kwsd.bridges.web.app import Pages
from kwsd.bridges.web.gate import Gate, bracketed
from kwsd.bridges.web.hub import Hub
from kwsd.bridges.web.keyword_editor import KeywordEditor
from kwsd.bridges.web.saved import SavedClips
from kwsd.bridges.web.teacher import Teacher
from kwsd.bridges.web.token import read_token
from kwsd.config import Settings
from kwsd.config.web import Web
from kwsd.errors import ConfigError, KwsdError, reason
from kwsd.homes import user_directory
from kwsd.small_files import read_small

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 128
KEEP_ALIVE_S = 5
REQUEST_S = 5.0
MOST_HEADER_BYTES = 16 << 10
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that waits for no request for ever, whole or begun: who is silent or drips takes no place."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected."""
        super().connection_made(transport)
        self.loop.call_later(REQUEST_S, self.give_up, self.cycle)

    def on_response_complete(self) -> None:
        """The next request may come."""
        super().on_response_complete()
        self.loop.call_later(REQUEST_S, self.give_up, self.cycle)

    def give_up(self, last: RequestResponseCycle | None) -> None:
        """Close, if no request has come since the last one, which is answered."""
        answered = self.cycle is None or self.cycle.response_complete
        if self.cycle is last and answered and not self.transport.is_closing():
            self.transport.close()

    def _should_upgrade(self) -> bool:
        return False  # nor advise anybody to install what would speak WebSocket


class _Server(uvicorn.Server):
    """Ends by our signals, with exit code 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing: the loop has handlers of its own."""
        yield


def token_path(settings: Web) -> Path:
    """Where the token is. Raises ConfigError."""
    if settings.token_file is not None:
        return settings.token_file.expanduser()
    home = user_directory("state")
    if home is None:
        raise ConfigError("this user has no home for the token; give --token-file FILE")
    return home / "web-token"


def listen(settings: Web) -> socket.socket:
    """The socket. Raises KwsdError: the address cannot be had."""
    host = settings.host.strip("[]")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise KwsdError(f"--host {settings.host}: {error.strerror}; give an address of this machine") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        where = f"{settings.host}, port {settings.port}"
        raise KwsdError(f"cannot listen on {where}: {error.strerror}; give another --port or --host") from None
    return listener


def check_tls(settings: Web) -> None:
    """Raises ConfigError: one of certificate and key is missing, or they are no pair."""
    if settings.tls_cert is None and settings.tls_key is None:
        return
    if settings.tls_cert is None or settings.tls_key is None:
        raise ConfigError("TLS takes both: --tls-cert FILE and --tls-key FILE")
    try:
        read_small(settings.tls_cert)  # OpenSSL waits for a pipe, and asks a terminal for a pass phrase
        if b"ENCRYPTED" in read_small(settings.tls_key):
            plain = f"openssl pkey -in {settings.tls_key} -out plain.pem"
            raise ConfigError(f"{settings.tls_key}: nobody is there to type the key's pass phrase; {plain}")
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        name = f"{settings.tls_cert}, {settings.tls_key}"
        raise ConfigError(f"{name}: no certificate and its key, in PEM: {reason(error)}") from None


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can connect."""
    return ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def links(settings: Web, listener: socket.socket) -> list[str]:
    """Where to find the page: the first is for this machine."""
    scheme = "http" if settings.tls_cert is None else "https"
    address, port = listener.getsockname()[:2]
    own = "127.0.0.1" if address in ANY_ADDRESS else bracketed(address)
    return [f"{scheme}://{name}:{port}/" for name in (own, *settings.names)]


def make_server(app: Gate, settings: Web) -> uvicorn.Server:
    """One that says little of itself, and lets nobody keep it busy for long."""
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            http=PatientProtocol,
            loop="none",
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
    )


async def serve(settings: Settings, daemon: Path, *, tell: Callable[[str], None]) -> None:
    """Until SIGTERM or SIGINT; `tell` is given each link that opens the page. Raises KwsdError."""
    web = settings.web
    check_tls(web)
    file = token_path(web)
    token = read_token(file)
    listener = listen(web)
    if not is_loopback(listener):
        how = "over TLS" if web.tls_cert else "unencrypted, the token too: --tls-cert and --tls-key hide it"
        logger.warning("whoever reaches %s and has the token sees the page, %s", web.host, how)
    hub = Hub(daemon)
    editor = KeywordEditor(settings, hub)
    pages = Pages(hub, editor, Teacher(settings, editor, daemon), SavedClips(settings, hub), web.curves)
    app = Gate(pages.app(), token=token, names=web.names, clock=monotonic)
    server = make_server(app, web)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    for link in links(web, listener):
        tell(f"{link}#token={token}")
    logger.info("the token is in %s", file)
    following = asyncio.create_task(hub.run())
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    done, _ = await asyncio.wait({following, serving}, return_when=asyncio.FIRST_COMPLETED)
    following.cancel()
    for task in done:
        task.result()
