"""The token that opens the page: 128 bits in a file of its owner's alone, and the same one after a restart."""

import os
import secrets
import stat
from hmac import compare_digest
from pathlib import Path

from kwsd.errors import ConfigError
from kwsd.small_files import read_small

TOKEN_BYTES = 16
MOST_BYTES = 4096
SHORTEST = 22  # characters that 128 bits take in base64


def read_token(file: Path) -> str:
    """The token in `file`, which is made with a new one where it is missing.

    Raises:
        ConfigError: it can be neither read nor made, others may read it, or what stands there is too short.
    """
    try:
        return _checked(file, read_small(file, MOST_BYTES))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise ConfigError(f"{file}: the token cannot be read: {error.strerror}; --token-file names another") from None
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as writing:
            writing.write(f"{token}\n")
    except FileExistsError:  # another kwsd-web has just made it
        return _checked(file, read_small(file, MOST_BYTES))
    except OSError as error:
        raise ConfigError(f"{file}: the token cannot be kept: {error.strerror}; --token-file names another") from None
    return token


def _checked(file: Path, content: bytes) -> str:
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise ConfigError(f"{file}: others may read this token; chmod 600 {file}")
    token = content.decode("ascii", "replace").strip()
    if len(token) < SHORTEST or not all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in token):
        raise ConfigError(f"{file}: is no token of {SHORTEST} letters, digits, - and _; delete it, and one is made")
    return token


def is_token(given: str, token: str) -> bool:
    """Whether they are the same, in a time that does not tell how far."""
    return compare_digest(given.encode(errors="replace"), token.encode())
