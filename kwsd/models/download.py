"""One file from the network: to `NAME.part`, verified, then renamed. An interrupted download is taken up again."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from kwsd.errors import KwsdError

BLOCK_BYTES = 1 << 16
TIMEOUT_S = 30  # without a byte for so long the connection is dead
PARTIAL_CONTENT = 206
RANGE_NOT_SATISFIABLE = 416

LARGEST_BYTES = 4 << 30  # of an archive of unknown size

Advance = Callable[[int, int | None], None]
"""Called with (bytes there, bytes in all when known) as they arrive."""


class DownloadError(KwsdError):
    """The network or the server failed, or sent something else than was promised."""


class TooLongError(DownloadError):
    """More arrives than there can be: it is none of ours, whatever else it is."""


def download(url: str, target: Path, *, sha256: str | None, size: int | None, advance: Advance) -> str:
    """Fetch a file; returns its sha256. What is at `target` is replaced only by a whole and verified file.

    Raises:
        DownloadError: what arrived is kept in `target`.part and continued next time, unless its checksum is wrong.
    """
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, part, size, advance)
    except TooLongError:
        part.unlink()
        raise
    except PermissionError:
        raise  # of the disk, which is the caller's
    except (OSError, HTTPException) as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, urllib.error.HTTPError):
            reason = f"the server answers {error.code} {error.reason}"
        elif isinstance(error, urllib.error.URLError):
            reason = f"cannot be reached ({error.reason})"
        raise DownloadError(f"{url}: {reason}; run it again to continue") from error
    digest = checksum(part)
    got = part.stat().st_size
    if sha256 is not None and digest != sha256:
        part.unlink()  # of no use for continuing
        raise DownloadError(
            f"{url}: its checksum is {digest}, not {sha256}: it was changed or damaged; nothing is kept"
        )
    if size is not None and got != size:
        part.unlink()
        raise DownloadError(f"{url}: has {got} bytes, not {size}: it was changed or damaged; nothing is kept")
    part.replace(target)
    return digest


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(url: str, part: Path, size: int | None, advance: Advance) -> None:
    """Append to the part what it lacks; start over where the server cannot continue."""
    have = part.stat().st_size if part.exists() else 0
    if have and have == size:
        return  # complete, only the rename was missing
    try:
        with _open(url, have) as response:
            _receive(response, part, have if response.status == PARTIAL_CONTENT else 0, size, advance)
    except urllib.error.HTTPError as error:
        if error.code != RANGE_NOT_SATISFIABLE:
            raise
        part.unlink()  # longer than the file, or already all of it: only a fresh start can tell
        with _open(url, 0) as response:
            _receive(response, part, 0, size, advance)


def _open(url: str, start: int) -> HTTPResponse:
    headers = {"User-Agent": "kwsd"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - addresses come from our own registry
    response: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - likewise
    return response


def _receive(response: HTTPResponse, part: Path, start: int, size: int | None, advance: Advance) -> None:
    announced = response.headers.get("Content-Length")
    total = start + int(announced) if announced else size
    done = start
    with part.open("ab" if start else "wb") as file:
        while block := response.read(BLOCK_BYTES):
            file.write(block)
            done += len(block)
            if done > (size or LARGEST_BYTES):
                most = size or LARGEST_BYTES
                raise TooLongError(f"{response.url}: more than the {most} bytes it should have arrive; nothing is kept")
            advance(done, total)
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")
