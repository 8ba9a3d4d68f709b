"""Where models live on disk. Finds their directories, never loads and never downloads."""

import os
from pathlib import Path

import platformdirs

from kwsd.errors import ModelError

DEFAULT_MODEL = "kwsd-en"
"""Comes with kwsd."""
UPSTREAM_MODEL = "gigaspeech-3.3M"
SYSTEM_MODELS = Path("/var/cache/kwsd/models")
PACKAGED_MODELS = (Path(__file__).parents[1] / "data" / "models", Path(__file__).parents[2] / "models")
"""In the installed package; in the source tree."""


def find_model_directory(name_or_dir: str | Path) -> Path:
    """The directory of a model, given as a path or by its name. One that was pulled comes before one in the package.

    Raises:
        ModelError: there is none; the message says how to get it.
    """
    path = Path(name_or_dir).expanduser()
    if path.is_dir():
        return path
    wanted = str(name_or_dir).casefold()
    for directory in (*pulled_models(), *packaged_models()):
        if directory.name.casefold() == wanted:
            return directory
    raise ModelError(_missing(str(name_or_dir), path))


def model_homes() -> tuple[Path, ...]:
    """Directories that hold models by name; `kwsctl models pull` writes to the first."""
    homes = [Path(platformdirs.user_cache_dir("kwsd")) / "models", SYSTEM_MODELS]
    cache = os.environ.get("CACHE_DIRECTORY")  # systemd's, a place and not a setting; several are joined by colons
    if cache:
        homes.insert(0, Path(cache.split(":")[0]) / "models")
    return tuple(homes)


def pulled_models() -> tuple[Path, ...]:
    """Directories of the models in all homes; those being fetched have a point before their name."""
    homes = [home for home in model_homes() if home.is_dir()]
    return tuple(path for home in homes for path in sorted(home.iterdir()) if path.is_dir() and path.name[0] != ".")


def packaged_models() -> tuple[Path, ...]:
    """Directories of the models that came with kwsd; the fixed commands, which have no encoder, are none."""
    encoders = (encoder for home in PACKAGED_MODELS for encoder in sorted(home.glob("*/encoder*.onnx")))
    return tuple(dict.fromkeys(encoder.parent for encoder in encoders))


def _missing(name: str, path: Path) -> str:
    if path.is_file():
        return f"model {name} is a file; give the directory that holds encoder, decoder, joiner and tokens.txt"
    if os.sep in name:
        return f"model directory {name} does not exist"
    if name.casefold() == DEFAULT_MODEL:
        return (
            f"model {name} should have come with kwsd and is not there (looked in {PACKAGED_MODELS[0]}): install kwsd "
            f"again, or take another: kwsctl models pull {UPSTREAM_MODEL}, then --model {UPSTREAM_MODEL}"
        )
    places = ", ".join(map(str, model_homes()))
    return f"model {name} is not installed (looked in {places}); fetch it with: kwsctl models pull {name}"
