"""Where models live on disk. Finds their directories, never loads and never downloads."""

import hashlib
import logging
import os
from pathlib import Path

from kwsd.errors import ModelError, nearest_of
from kwsd.homes import cache_directory, exists, expanded, is_directory, user_directory
from kwsd.models.registry import read_registry
from kwsd.small_files import read_small

logger = logging.getLogger(__name__)

DEFAULT_MODEL = "kwsd-en"
"""Comes with kwsd."""
UPSTREAM_MODEL = "gigaspeech-3.3M"
SYSTEM_MODELS = Path("/var/cache/kwsd/models")
PACKAGED_MODELS = (Path(__file__).parents[1] / "data" / "models", Path(__file__).parents[2] / "models")
"""In the installed package; in the source tree."""
LARGEST_FILE_BYTES = 1 << 30
"""Of a model; the largest in the registry has a tenth of it."""
COMPACT = ".compact.onnx"
"""What the name of a graph by `kwsd.models.compact` ends with."""
MATRICES = f"encoder{COMPACT.removesuffix('.onnx')}.npz"
"""The matrices of a package's compact graphs, for all chunk lengths, as int8 with a scale for each column."""
FLOAT_MATRICES = "encoder.float32"
"""What graphs call the file of these in float32."""
TAPS = ".taps"
"""What a graph adds to its name to call the file of what its convolutions multiply with, in float32 as well."""
USUAL_CHUNK_MS = 320
"""Sound that an encoder takes at once; the compact graph for another chunk has its length in its name."""
COMPACT_LAYOUT = "kwsd compact 1"
"""What its metadata calls caches that come out as old rows and new ones, see `kwsd.acoustic.compact`."""
FILE_PATTERNS = {
    "encoder": ("encoder.int8.fixed.onnx", "encoder*.int8.onnx", "encoder*.onnx"),
    "decoder": ("decoder.onnx", "decoder*[!8].onnx", "decoder*.onnx"),
    "joiner": ("joiner.onnx", "joiner*[!8].onnx", "joiner*.onnx"),
}
"""File names by part, the best first. Only the encoder gains from int8: it is nine tenths of the work."""


def find_model_directory(name_or_dir: str | Path) -> Path:
    """The directory of a model, given as a path or by its name. One that was pulled comes before one in the package.

    Raises:
        ModelError: there is none; the message says how to get it.
    """
    path = expanded(name_or_dir)
    if is_directory(path):
        return path
    wanted = str(name_or_dir).casefold()
    for directory in (*pulled_models(), *packaged_models()):
        if directory.name.casefold() == wanted:
            return directory
    if exists(path):
        parts = "encoder, decoder, joiner and tokens.txt"
        raise ModelError(f"model {name_or_dir} is a file; give the directory that holds {parts}")
    if os.sep in str(name_or_dir):
        raise ModelError(f"model directory {name_or_dir} does not exist")
    if wanted == DEFAULT_MODEL:
        raise ModelError(
            f"model {name_or_dir} should have come with kwsd and is not there (looked in {PACKAGED_MODELS[0]}): "
            f"install kwsd again, or take another: kwsctl models pull {UPSTREAM_MODEL}, then --model {UPSTREAM_MODEL}"
        )
    places = ", ".join(map(str, model_homes()))
    raise ModelError(f"model {name_or_dir} is not installed (looked in {places}); {_how_to_get(str(name_or_dir))}")


def model_homes() -> tuple[Path, ...]:
    """Directories that hold models by name; `kwsctl models pull` writes to the first."""
    own = dict.fromkeys((cache_directory(), user_directory("cache")))
    return (*(home / "models" for home in own if home), SYSTEM_MODELS)


def pulled_models() -> tuple[Path, ...]:
    """Directories of the models in all homes; those being fetched have a point before their name."""
    homes = [home for home in model_homes() if is_directory(home)]
    return tuple(path for home in homes for path in sorted(home.iterdir()) if path.is_dir() and path.name[0] != ".")


def packaged_models() -> tuple[Path, ...]:
    """Directories of the models that came with kwsd; the fixed commands, which have no encoder, are none."""
    encoders = (encoder for home in PACKAGED_MODELS for encoder in sorted(home.glob("*/encoder*.onnx")))
    return tuple(dict.fromkeys(encoder.parent for encoder in encoders))


def find_encoder(directory: Path, chunk_ms: int | None = None) -> Path:
    """The encoder to run: the compact one where there is one of this export, else the export itself.

    Args:
        directory: of a model.
        chunk_ms: 160 for one that answers sooner; None or 320 for the one that every model has.

    Raises:
        ModelError: there is none.
    """
    if chunk_ms not in (None, USUAL_CHUNK_MS):
        sooner = directory / f"encoder.{chunk_ms}ms{COMPACT}"
        if not sooner.is_file():
            raise ModelError(f"model {directory.name} has no encoder for chunks of {chunk_ms} ms; leave out chunk_ms")
        return sooner
    shipped = directory / f"encoder{COMPACT}"
    if shipped.is_file():
        whole = (directory / MATRICES).is_file() or FLOAT_MATRICES.encode() not in read_graph(shipped)
        if whole or not any(not path.name.endswith(COMPACT) for path in directory.glob("encoder*.onnx")):
            return shipped  # without its matrices, and with nothing in its place, it tells of them when it is loaded
        logger.warning("%s runs as exported, which costs more: %s is missing", directory.name, directory / MATRICES)
    original = find_part(directory, "encoder")
    compact = compact_path(original)
    return compact if compact.is_file() else original


def find_part(directory: Path, part: str) -> Path:
    """The best export of encoder, decoder or joiner. Raises ModelError where there is none."""
    for pattern in FILE_PATTERNS[part]:
        found = [path for path in sorted(directory.glob(pattern)) if not path.name.endswith(COMPACT)]
        if found:
            return found[0]
    raise ModelError(f"{directory}: no {part}*.onnx; `kwsctl models verify {directory}` lists what is missing")


def require_plain_files(directory: Path) -> None:
    """A pipe or a device is no file of a model, whichever of them are read today.

    Raises:
        ModelError: there is one, or the directory cannot be looked into.
    """
    try:
        for path in directory.iterdir():
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise ModelError(
                    f"{path}: is a pipe, a socket or a device, and no file; remove it, or fetch the model again"
                )
    except OSError as error:
        raise ModelError(f"{directory}: cannot be read: {error.strerror}") from error


def read_graph(path: Path) -> bytes:
    """The content of an ONNX file. Raises ModelError: there is no such file, or it cannot be one."""
    try:
        return read_small(path, LARGEST_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; `kwsctl models verify {path.parent}` says more") from error


def compact_path(original: Path) -> Path:
    """Where the compact graph of an export lies: named by its content, so that another export makes it obsolete."""
    return original.with_name(f"encoder.{hashlib.sha256(read_graph(original)).hexdigest()[:12]}{COMPACT}")


def _how_to_get(name: str) -> str:
    """A remedy that works: only what the registry has can be pulled."""
    known = [entry.name for entry in read_registry()]
    if name.casefold() in map(str.casefold, known):
        return f"fetch it with: kwsctl models pull {name}"
    there = [*(directory.name for directory in (*packaged_models(), *pulled_models())), *known]
    nearest = nearest_of(name.casefold(), map(str.casefold, there), 0.4)
    meant = next((f'did you mean "{each}"? ' for each in there if each.casefold() in nearest), "")
    return f"{meant}kwsctl models list shows those that can be fetched: {', '.join(known)}"
