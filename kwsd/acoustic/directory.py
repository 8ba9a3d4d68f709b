"""Where models live, and which file of a directory plays which part. Finds, never loads and never downloads."""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from kwsd.errors import ModelError

DEFAULT_MODEL = "gigaspeech-3.3M"
SYSTEM_MODELS = Path("/var/cache/kwsd/models")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one model directory that a spotter needs."""

    encoder: Path
    decoder: Path
    joiner: Path
    tokens: Path


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


def find_model_files(directory: Path) -> ModelFiles:
    """The encoder, decoder, joiner and tokens of a directory, whether named as upstream does or plainly.

    Raises:
        ModelError: some are missing; the message names all of them.
    """
    found = {
        "encoder": _network(directory, "encoder", prefer_int8=True),  # halves the time of the encoder
        "decoder": _network(directory, "decoder", prefer_int8=False),
        "joiner": _network(directory, "joiner", prefer_int8=False),
        "tokens": next(directory.glob("tokens.txt"), None),
    }
    missing = [f"{role}.txt" if role == "tokens" else f"{role}.onnx" for role, path in found.items() if path is None]
    if missing:
        raise ModelError(f"{directory}: has no {', '.join(missing)}; it is no model directory, or is incomplete")
    return ModelFiles(**{role: path for role, path in found.items() if path is not None})


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


def _network(directory: Path, role: str, *, prefer_int8: bool) -> Path | None:
    """The best of files such as `encoder.onnx`, `encoder.int8.fixed.onnx` or `encoder-epoch-12-avg-2.int8.onnx`."""

    def rank(path: Path) -> tuple[bool, bool, str]:
        return (".int8" in path.name) != prefer_int8, not path.name.endswith(".fixed.onnx"), path.name

    return min(directory.glob(f"{role}*.onnx"), key=rank, default=None)


def _missing(name: str, path: Path) -> str:
    if path.is_file():
        return f"model {name} is a file; give the directory that holds encoder, decoder, joiner and tokens.txt"
    if os.sep in name:
        return f"model directory {name} does not exist"
    places = ", ".join(map(str, model_homes()))
    return f"model {name} is not installed (looked in {places}); fetch it with: kwsctl models pull {name}"
