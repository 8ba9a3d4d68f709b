"""Writes the compact graph of a model's encoder beside it; `kwsd.models.directory` then finds that one first."""

from collections.abc import Callable
from pathlib import Path

from kwsd.errors import ModelError
from kwsd.models.directory import compact_path, find_part


def optimise(directory: Path, require_alike: Callable[[Path, Path], None]) -> Path:
    """Write it, once it has shown that it hears what the export hears.

    Args:
        directory: of the model.
        require_alike: takes the export and the compact graph, and raises ModelError unless they give the same.

    Returns:
        Where it is; a run of it costs about half to two thirds of the export's.

    Raises:
        ModelError: the export is not laid out as known, the two differ, onnx is not installed, or `directory` cannot be
            written. Nothing has changed then.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra

        from kwsd.models.compact.encoder import build_encoder  # noqa: PLC0415 - likewise
        from kwsd.models.compact.icefall import read_icefall  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise ModelError("optimising needs the package onnx: pip install 'kwsd[convert]'") from error
    original = find_part(directory, "encoder")
    target = compact_path(original)
    weights, shape, metadata = read_icefall(original)
    part = target.with_name(f".{target.name}")
    try:
        try:
            onnx.save(build_encoder(weights, shape, metadata), str(part))
        except OSError as error:
            raise ModelError(f"{part}: cannot be written ({error.strerror}); is the directory yours?") from error
        require_alike(original, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target
