"""model.toml: what a model directory says of itself, and the search settings it was tuned for."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from kwsd.errors import ModelError
from kwsd.fields import read_fields
from kwsd.quick_dataclass import dataclass
from kwsd.search.confidence import Confidence, confidence_of
from kwsd.search.false_alarms import FalseAlarms
from kwsd.search.settings import SearchSettings
from kwsd.small_files import parse_toml, read_small

DESCRIPTION = "model.toml"
ENGLISH = "en"
SECTIONS = ("search", "confidence", "false_alarms", "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDescription:
    """A model directory in words and numbers. Every key may be left out."""

    name: str = ""
    version: str = ""
    about: str = ""
    licence: str = ""
    language: str = ENGLISH
    """What it hears, as `language:` of sentences calls it: all that kwsd knows of hear English."""
    training_data: tuple[str, ...] = ()
    """What the model has heard, a line per source with its licence."""
    search: SearchSettings = field(default_factory=SearchSettings)
    """What it was tuned for; of the rest it has no opinion."""
    confidence: Confidence | None = None
    """What makes one score of all that is seen of a phrase; None where it was not fitted."""
    false_alarms: FalseAlarms | None = None
    """How often a phrase is told where nobody says it; None where it was not measured."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """File name → checksum. Compared by `kwsctl models verify` and `kwsctl check`, not at every start."""


def read_description(directory: Path) -> ModelDescription:
    """What model.toml says; a directory without one is called by its own name, and says nothing else.

    Raises:
        ModelError: the file is broken; the message names the key.
    """
    path = directory / DESCRIPTION
    if not path.exists():
        return ModelDescription(name=directory.name)
    try:
        found = description_of(parse_toml(read_small(path)))
    except (OSError, ValueError, ModelError) as error:
        raise ModelError(f"{path}: cannot be used ({error}); install kwsd or the model again") from error
    return found if found.name else replace(found, name=directory.name)


def description_of(tree: Mapping[str, Any]) -> ModelDescription:
    """The same from its TOML tree. Raises ValueError: the first mistake, by its key."""
    search, confidence, false_alarms, checksums = sections = [tree.get(name, {}) for name in SECTIONS]
    if not all(isinstance(section, dict) for section in sections):
        raise ModelError(f"{' or '.join(SECTIONS)}: is not a section")
    values, mistakes = read_fields(ModelDescription, {key: tree[key] for key in tree if key not in SECTIONS})
    settings, wrong_settings = read_fields(SearchSettings, search, prefix="search.")
    rates, wrong_rates = read_fields(FalseAlarms, false_alarms, prefix="false_alarms.") if false_alarms else ({}, [])
    if mistakes or wrong_settings or wrong_rates:
        raise ValueError(str([*mistakes, *wrong_settings, *wrong_rates][0]))
    return ModelDescription(
        **values,
        search=SearchSettings(**settings),
        confidence=confidence_of(confidence) if confidence else None,
        false_alarms=FalseAlarms(**rates) if rates else None,
        sha256={str(name): str(value) for name, value in checksums.items()},
    )
