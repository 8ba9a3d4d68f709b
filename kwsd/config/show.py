"""`--print-config`: the settings in force as a TOML file that could be saved, with the origin of each."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kwsd.config.load import DEFAULT, LoadedSettings, keys


def to_toml(loaded: LoadedSettings) -> str:
    """TOML text; a setting without a value is a comment."""
    return "\n".join(_lines(loaded)) + "\n"


def _lines(loaded: LoadedSettings) -> Iterator[str]:
    yield f"# read from {loaded.file}" if loaded.file else "# no configuration file was found"
    tree = loaded.settings.model_dump(by_alias=True)
    section = ""
    for key, _ in keys():
        own, _, name = key.rpartition(".")
        if own != section:
            section = own
            yield f"\n[{section}]"
        origin = loaded.origins.get(key, DEFAULT)
        yield f"{_assignment(name, _look_up(tree, key)):<40}  # {origin}"


def _look_up(tree: dict[str, Any], key: str) -> Any:
    value: Any = tree
    for part in key.split("."):
        value = value[part]
    return value


def _assignment(name: str, value: Any) -> str:
    return f"# {name} =" if value is None else f"{name} = {_literal(value)}"


def _literal(value: Any) -> str:
    """JSON is TOML for text, numbers, booleans and lists of them."""
    plain = str(value) if isinstance(value, Path) else value
    return json.dumps(plain, ensure_ascii=False)
