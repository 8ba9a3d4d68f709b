"""Where a user keeps what, also one whom no system knows and who has no home. The only importer of platformdirs."""

import os
from pathlib import Path
from typing import Literal

import platformdirs

_DIRECTORIES = {
    "cache": platformdirs.user_cache_dir,
    "config": platformdirs.user_config_dir,
    "state": platformdirs.user_state_dir,
}


def user_directory(kind: Literal["cache", "config", "state"]) -> Path | None:
    """Kwsd's own of this user, there or not; None where nobody knows where the user is at home."""
    try:
        found = Path(_DIRECTORIES[kind]("kwsd"))
    except RuntimeError:
        return None
    return found if found.is_absolute() else None  # older versions give `~/.cache` back as it is


def state_directory() -> Path | None:
    """Where a daemon keeps what outlives it: systemd's StateDirectory=, else the user's; None without a home."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # set by systemd; no setting of ours
    return Path(given) if given else user_directory("state")


def cache_directory() -> Path | None:
    """Where a daemon keeps what it can make again: systemd's CacheDirectory=, else the user's; None without a home."""
    given = os.environ.get("CACHE_DIRECTORY", "").split(":")[0]  # likewise
    return Path(given) if given else user_directory("cache")


def expanded(path: str | os.PathLike[str]) -> Path:
    """`~` and `~name` as the homes they stand for; they stay where nobody knows such a user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib raises for a user that nobody knows


def exists(path: Path) -> bool:
    """Whether something is there; not where this user may not look, or where no such path can be."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib raises for a name that is too long, and for what is hidden


def is_directory(path: Path) -> bool:
    """Whether a directory is there; else as `exists`."""
    return os.path.isdir(path)  # noqa: PTH112 - likewise
