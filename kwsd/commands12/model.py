"""The directory of 12-class models: what model.toml says, and the sessions it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kwsd.errors import ModelError
from kwsd.limits import EngineName
from kwsd.models.directory import model_homes
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_toml, read_small

PACKAGED = Path(__file__).parents[1] / "data" / "models" / "commands12"
REPOSITORY = Path(__file__).parents[2] / "models" / "commands12"
EXTRA = "commands12-full"
"""What the registry calls the networks that do not come with the package."""
DESCRIPTION = "model.toml"
SILENT_LABELS = frozenset({"_silence_", "_unknown_"})
"""Classes that are never reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedModel:
    """One model of the bundle."""

    name: str
    engine: EngineName
    path: Path
    labels: tuple[str, ...]
    """Classes in the order of the model's output."""
    thresholds: Mapping[str, float]
    """Smallest smoothed posterior that fires, by word."""

    @property
    def words(self) -> tuple[str, ...]:
        """Classes that can be reported."""
        return tuple(label for label in self.labels if label not in SILENT_LABELS)


def bundle_directory() -> Path:
    """Where the models are: in the installed package, else in the source tree."""
    return PACKAGED if PACKAGED.is_dir() else REPOSITORY


def read_bundle(directory: Path) -> dict[str, FixedModel]:
    """All models of a directory by name; those of one engine in order of preference.

    Raises:
        ModelError: model.toml is missing or not what it should be.
    """
    path = directory / DESCRIPTION
    try:
        content = parse_toml(read_small(path))
        labels = tuple(content["labels"])
        models = {}
        for name, table in content["models"].items():
            places = [directory / table["file"], *(home / EXTRA / table["file"] for home in model_homes())]
            models[name] = FixedModel(
                name=name,
                engine=table["engine"],
                path=next((path for path in places if path.is_file()), places[0]),
                labels=labels,
                thresholds={word: float(value) for word, value in table["thresholds"].items()},
            )
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file; the fallback models belong to kwsd: install it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: not a description of command models: {error!r}") from error
    return models


def find_model(engine: EngineName, directory: Path | None = None) -> FixedModel:
    """The preferred model of an engine.

    Raises:
        ModelError: there is none.
    """
    where = directory or bundle_directory()
    for model in read_bundle(where).values():
        if model.engine == engine:
            return model
    raise ModelError(f"{where / DESCRIPTION}: no model of engine {engine}")
