"""What stands before every answer: who asks, from which page, how often and with how much."""

import asyncio
import json
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kwsd.bridges.web.rate import RateLimit
from kwsd.bridges.web.token import is_token

API = "/api/"
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
METHODS = ({"GET", "HEAD", "POST"}, {"GET", "POST"})  # of pages, and of calls: some of those have no end
MOST_BODY_BYTES = 1 << 20
MOST_PATH = 200  # characters; ours have 25
BODY_S = 10.0
USUAL_PORTS = {"http": 80, "https": 443}
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "media-src blob:; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
}


class RefusedError(Exception):
    """A request is not answered; the status, and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Gate:
    """Lets a request through to the application, or answers it itself; the cheapest questions come first.

    Loopback is no protection: any page in the browser can send here, and a name of DNS can be made to mean us.
    """

    def __init__(self, app: ASGIApp, *, token: str, names: Iterable[str], clock: Callable[[], float]) -> None:
        """`names` are host names that may be asked for beside the address that the connection came to."""
        self._app = app
        self._token = token
        self._names = frozenset(name.lower() for name in names) | LOOPBACK_NAMES
        self._wrong_tokens = RateLimit(10, 0.5, clock)
        self._asked = RateLimit(60, 20.0, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        try:
            self.check(scope)
            body = await read_body(scope, receive)
        except RefusedError as refused:
            await refuse(send_guarded, refused)
            return
        await self._app(scope, replayed(body, receive), send_guarded)

    def check(self, scope: Scope) -> None:
        """Raises RefusedError."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self.is_ours(host.lower(), scope):
            raise RefusedError(403, "this page goes by another name; --names lists the host names it may be asked by")
        if set(map(str.lower, headers.getlist("origin"))) - {f"{scope['scheme']}://{host.lower()}"}:
            raise RefusedError(403, "only the page itself may ask")
        is_call = scope["path"].startswith(API)
        if scope["method"] not in METHODS[is_call]:
            raise RefusedError(405, "there is GET and POST")
        if len(scope["path"]) > MOST_PATH:
            raise RefusedError(414, "no page has so long a name")
        if is_call:
            self.check_call(scope, headers)

    def check_call(self, scope: Scope, headers: Headers) -> None:
        """Of what is not for everybody. Raises RefusedError."""
        if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise RefusedError(403, "only the page itself may ask")
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_token(given, self._token):
            if not self._wrong_tokens.allows():
                raise RefusedError(429, "too many wrong tokens; wait a while")
            raise RefusedError(401, "the token is wrong or missing; open the link that kwsd-web printed")
        if not self._asked.allows():
            raise RefusedError(429, "too many requests; wait a second")
        if scope["method"] == "POST" and headers.get("content-type", "").partition(";")[0] not in {
            "application/json",
            "audio/wav",
        }:
            raise RefusedError(415, "changes are asked for in JSON")

    def is_ours(self, host: str, scope: Scope) -> bool:
        """Whether it names us: an address is the very one that the connection came to, so that no name of DNS can."""
        name, port = split_host(host, USUAL_PORTS[scope["scheme"]])
        server = scope.get("server") or ("", 0)
        return port == server[1] and (name in self._names or name == bracketed(server[0]))


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """What comes with a request, within bounds. Raises RefusedError."""
    if scope["method"] != "POST":
        return b""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, "it broke off")
                body += message.get("body", b"")
                if len(body) > MOST_BODY_BYTES:
                    raise RefusedError(413, f"more than {MOST_BODY_BYTES >> 20} MB are never needed")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise RefusedError(408, "it took too long") from None


def bracketed(address: str) -> str:
    """As an address stands in a URL."""
    try:
        return f"[{address}]" if ip_address(address).version == 6 else address  # noqa: PLR2004 - the version
    except ValueError:
        return address.lower()


def split_host(host: str, usual_port: int) -> tuple[str, int]:
    """Of NAME[:PORT], an address of IPv6 in brackets; port -1 where it is none."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host, usual_port
    return name, int(port) if port.isascii() and port.isdecimal() and len(port) <= len("65535") else -1


def replayed(body: bytes, receive: Receive) -> Receive:
    """The body for the application, then whatever comes, which is that the other end went."""
    first = True

    async def take() -> Message:
        nonlocal first
        if not first:
            return await receive()
        first = False
        return {"type": "http.request", "body": body, "more_body": False}

    return take


async def refuse(send: Send, refused: RefusedError) -> None:
    """Say why."""
    body = json.dumps({"error": str(refused)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.status not in {401, 403, 429}:
        headers.append((b"connection", b"close"))  # what is left of the body is not waited for
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
