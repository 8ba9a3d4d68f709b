"""model.toml: what a model directory says of itself, and the search settings it was tuned for."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kwsd.errors import ModelError

DESCRIPTION = "model.toml"
_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())


class SearchDefaults(BaseModel):
    """[search]: what holds where the user sets nothing; None leaves the engine's own default.

    Names and meaning are those of `kwsd.search.settings.SearchSettings`.
    """

    model_config = _STRICT

    boost: Annotated[float, Field(ge=0, le=20)] | None = None
    threshold: Annotated[float, Field(gt=0, le=1)] | None = None
    running_threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] | None = None
    min_margin: Annotated[float, Field(ge=-100, le=0)] | None = None
    margin_per_token: Annotated[float, Field(ge=-100, le=0)] | None = None
    alone_margin: Annotated[float, Field(ge=-100, le=0)] | None = None
    trailing_blanks: Annotated[int, Field(ge=0, le=50)] | None = None
    max_gap_s: Annotated[float, Field(gt=0, le=60)] | None = None
    min_duration_s: Annotated[float, Field(ge=0, le=60)] | None = None
    refractory_s: Annotated[float, Field(ge=0, le=60)] | None = None
    beam: Annotated[int, Field(ge=1, le=64)] | None = None
    beam_delta: Annotated[float, Field(gt=0, le=100)] | None = None

    def given(self) -> dict[str, Any]:
        """Those that the model has an opinion on."""
        return self.model_dump(exclude_none=True)


class ModelDescription(BaseModel):
    """A model directory in words and numbers. Every key may be left out."""

    model_config = _STRICT

    name: str = ""
    version: str = ""
    about: str = ""
    licence: str = ""
    training_data: tuple[str, ...] = ()
    """What the model has heard, a line per source with its licence."""
    search: SearchDefaults = SearchDefaults()
    sha256: dict[str, str] = {}
    """File name → checksum. Compared by `kwsctl models verify` and `kwsctl check`, not at every start."""


def read_description(directory: Path) -> ModelDescription:
    """What model.toml says; a directory without one is called by its own name, and says nothing else.

    Raises:
        ModelError: the file is broken; the message names the key.
    """
    path = directory / DESCRIPTION
    if not path.is_file():
        return ModelDescription(name=directory.name)
    try:
        found = ModelDescription.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise ModelError(f"{path}: {key}: {first['msg']}; install kwsd or the model again") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); install kwsd or the model again") from error
    return found if found.name else found.model_copy(update={"name": directory.name})
