"""Small files, read whole (only regular ones, never more than they may hold) and written whole or not at all."""

import json
import os
import re
import stat
import tomllib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EFBIG, EINVAL
from pathlib import Path
from typing import Any

LARGEST_BYTES = 16 << 20
LARGEST_TOML_BYTES = 4 << 20  # a megabyte takes a second
DEEPEST_KEY = 16  # parts between points; the time that tomllib takes for a key grows with their square
_TOO_DEEP = "brackets are nested too deeply"
_GZIP = zlib.MAX_WBITS | 16
_STRING_OR_COMMENT = re.compile(
    r"""\"{3}(?:\\[\s\S]|(?!\"{3})[^\\])*+(?:\"{3}|\Z)|'{3}(?:(?!'{3})[\s\S])*+(?:'{3}|\Z)"""
    r"""|"(?:\\.|[^"\\\n])*+"|'[^'\n]*+'|#[^\n]*+"""
)
_DEEP_KEY = re.compile(rf"(?<![\w-])(?:[\w-]++[ \t]*+\.[ \t]*+){{{DEEPEST_KEY}}}")


def read_small(path: Path, most: int = LARGEST_BYTES) -> bytes:
    """A file's content. Links are followed.

    Raises:
        OSError: it cannot be read, is no regular file (which might never end), or has more than `most` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its other end
    try:  # not fdopen's own: of a directory it raises and leaves the descriptor open
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(EINVAL, "is no regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most + 1) if found.st_size <= most else b""
    finally:
        os.close(descriptor)
    if max(found.st_size, len(content)) > most:
        raise OSError(EFBIG, f"is larger than {most >> 20} MB, which no such file is", str(path))
    return content


def write_private(path: Path, text: str) -> None:
    """For its owner's eyes, whole or not at all, in place of whatever stands there; a link is not followed.

    Raises:
        OSError: it cannot be written; what was there before is.
    """
    with written_whole(path) as part:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(text, encoding="utf-8")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Another file beside `path` to write into: it takes the place of `path` in the end, or nothing has changed.

    Raises:
        OSError: it cannot be written; the error names `path`.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # two programs may both be at it
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        error.filename = str(path)  # a user knows no other
        raise
    finally:
        part.unlink(missing_ok=True)


def unpack(packed: bytes, most: int) -> bytes:
    """What gzip packed.

    Raises:
        ValueError: it is damaged, or more than `most` bytes.
    """
    found = bytearray()
    while packed:
        stream = zlib.decompressobj(_GZIP)
        try:
            found += stream.decompress(packed, most + 1 - len(found))
        except zlib.error as error:
            raise ValueError(f"damaged: {error}") from error
        if len(found) > most:
            raise ValueError(f"unpacks to more than {most >> 20} MB")
        if not stream.eof:
            raise ValueError("damaged: its end is missing")
        packed = stream.unused_data
    return bytes(found)


def parse_toml(content: bytes) -> dict[str, Any]:
    """The tree of a TOML file.

    Raises:
        ValueError: it is not TOML, not UTF-8, too large, or nested deeper than anything that is meant.
    """
    if len(content) > LARGEST_TOML_BYTES:
        raise ValueError(f"it is larger than {LARGEST_TOML_BYTES >> 20} MB")
    text = content.decode("utf-8")
    if _DEEP_KEY.search(_STRING_OR_COMMENT.sub("x", text)):
        raise ValueError(f"a key has more than {DEEPEST_KEY} parts")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def parse_json(content: bytes | str) -> Any:
    """The tree of JSON. Raises ValueError: it is none, or nested deeper than anything that is meant."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
