"""Search settings that a model brings, where the user has set none."""

from collections.abc import Mapping

from kwsd.config.settings import Settings
from kwsd.errors import ModelError
from kwsd.models.description import read_description
from kwsd.models.directory import find_model_directory


def with_model_defaults(settings: Settings, origins: Mapping[str, str]) -> tuple[Settings, Mapping[str, str]]:
    """Fill in what model.toml says of keys without an origin; gives settings and origins (dotted key → where from).

    A model that is missing or broken adds nothing: loading it will say so.
    """
    try:
        description = read_description(find_model_directory(settings.model))
    except ModelError:
        return settings, origins
    values = {name: value for name, value in description.search.given().items() if f"search.{name}" not in origins}
    if "search.threshold" in origins:
        values.pop("running_threshold", None)  # who sets a threshold means all that is said
    search = settings.search.model_copy(update=values)
    added = {f"search.{name}": f"model {description.name}" for name in values}
    return settings.model_copy(update={"search": search}), {**origins, **added}
