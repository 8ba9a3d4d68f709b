"""Where models live on disk. Finds their directories, never loads and never downloads."""

import os
from pathlib import Path

import platformdirs

from kwsd.errors import ModelError

DEFAULT_MODEL = "gigaspeech-3.3M"
SYSTEM_MODELS = Path("/var/cache/kwsd/models")


def find_model_directory(name_or_dir: str | Path) -> Path:
    """The directory of a model, given as a path or by its name in the registry.

    Raises:
        ModelError: there is none; the message says how to get it.
    """
    path = Path(name_or_dir).expanduser()
    if path.is_dir():
        return path
    for home in model_homes():
        found = _named(home, str(name_or_dir))
        if found:
            return found
    raise ModelError(_missing(str(name_or_dir), path))


def model_homes() -> tuple[Path, ...]:
    """Directories that hold models by name; `kwsctl models pull` writes to the first."""
    homes = [Path(platformdirs.user_cache_dir("kwsd")) / "models", SYSTEM_MODELS]
    cache = os.environ.get("CACHE_DIRECTORY")  # systemd's, a place and not a setting; several are joined by colons
    if cache:
        homes.insert(0, Path(cache.split(":")[0]) / "models")
    return tuple(homes)


def _named(home: Path, name: str) -> Path | None:
    """The model of that name, in whatever case."""
    if not home.is_dir():
        return None
    wanted = name.casefold()
    return next((path for path in sorted(home.iterdir()) if path.name.casefold() == wanted and path.is_dir()), None)


def _missing(name: str, path: Path) -> str:
    if path.is_file():
        return f"model {name} is a file; give the directory that holds encoder, decoder, joiner and tokens.txt"
    if os.sep in name:
        return f"model directory {name} does not exist"
    places = ", ".join(map(str, model_homes()))
    return f"model {name} is not installed (looked in {places}); fetch it with: kwsctl models pull {name}"
