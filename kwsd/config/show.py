"""`--print-config`: the settings in force as a TOML file that could be saved anywhere, with the origin of each."""

import json
from dataclasses import fields
from functools import reduce
from pathlib import Path
from typing import Any

from kwsd.config.load import DEFAULT, LoadedSettings, keys
from kwsd.homes import expanded, is_directory


def to_toml(loaded: LoadedSettings) -> str:
    """TOML text; a setting without a value is a comment."""
    lines = [f"# read from {loaded.file}" if loaded.file else "# no configuration file was found"]
    section = ""
    for key, _ in keys():
        own, _, name = key.rpartition(".")
        if own != section:
            section = own
            lines.append(f"\n[{section}]")
        origin = loaded.origins.get(key, DEFAULT)
        value = _wherever_read(key, reduce(getattr, key.split("."), loaded.settings))
        plain = str(value) if isinstance(value, Path) else value
        literal = json.dumps(plain, ensure_ascii=False)  # JSON is TOML for text, numbers, booleans and lists of them
        lines.append(f"{f'# {name} =' if value is None else f'{name} = {literal}':<40}  # {origin}")
    for source in loaded.sources:
        lines.append("\n[[source]]")
        for field in fields(source):
            value = getattr(source, field.name)
            literal = json.dumps(str(value.absolute()) if isinstance(value, Path) else value, ensure_ascii=False)
            lines.append(f"# {field.name} =" if value is None else f"{field.name} = {literal}")
    return "\n".join(lines) + "\n"


def _wherever_read(key: str, value: Any) -> Any:
    """The value with paths that mean the same from every directory, so that the text may be saved anywhere."""
    match key, value:
        case _, Path():
            return value.absolute()
        case "model", str() if is_directory(expanded(value)):
            return expanded(value).absolute()
        case "input", tuple():
            return [each if each in {"mic", "-"} else str(expanded(each).absolute()) for each in value]
    return value
