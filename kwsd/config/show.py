"""`--print-config`: the settings in force as a TOML file that could be saved, with the origin of each."""

import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

from kwsd.config.load import DEFAULT, LoadedSettings, keys


def to_toml(loaded: LoadedSettings) -> str:
    """TOML text; a setting without a value is a comment."""
    return "\n".join(_lines(loaded)) + "\n"


def _lines(loaded: LoadedSettings) -> Iterator[str]:
    yield f"# read from {loaded.file}" if loaded.file else "# no configuration file was found"
    section = ""
    for key, _ in keys():
        own, _, name = key.rpartition(".")
        if own != section:
            section = own
            yield f"\n[{section}]"
        origin = loaded.origins.get(key, DEFAULT)
        yield f"{_assignment(name, _look_up(loaded.settings, key)):<40}  # {origin}"


def _look_up(settings: Any, key: str) -> Any:
    return reduce(getattr, key.split("."), settings)


def _assignment(name: str, value: Any) -> str:
    return f"# {name} =" if value is None else f"{name} = {_literal(value)}"


def _literal(value: Any) -> str:
    """JSON is TOML for text, numbers, booleans and lists of them."""
    plain = str(value) if isinstance(value, Path) else value
    return json.dumps(plain, ensure_ascii=False)
