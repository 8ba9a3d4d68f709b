"""Flags over environment over TOML, and messages that name file, key and remedy."""

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from kwsd.config.model_defaults import with_model_defaults
from kwsd.config.settings import Settings
from kwsd.errors import ConfigError, FlagError

PREFIX = "KWSD_"
SYSTEM_FILE = Path("/etc/kwsd/config.toml")
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and where each that is not a default came from."""

    settings: Settings
    file: Path | None
    """The TOML file that was read."""
    origins: Mapping[str, str]
    """Dotted key → flag, environment variable, file, or the model that brings it."""


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    origin: str
    error: type[ConfigError] = ConfigError


def load_settings(
    flags: Mapping[str, Any], *, file: Path | None = None, environ: Mapping[str, str] = os.environ
) -> LoadedSettings:
    """Merge flags (dotted key → value, None where not given), environment, the TOML file and what the model brings.

    Without `file` (and KWSD_CONFIG) the user's file is read, else the system's, else none.

    Raises:
        FlagError: a flag's value is wrong.
        ConfigError: another setting is wrong, or the file cannot be read. The message has a line per mistake.
    """
    path = _config_file(file, environ)
    values: dict[str, _Value] = {}
    if path:
        values.update(_from_toml(path))
    values.update(_from_environment(environ))
    values.update((key, _Value(value, _flag(key), FlagError)) for key, value in flags.items() if value is not None)
    settings, origins = with_model_defaults(_validate(values), {key: value.origin for key, value in values.items()})
    return LoadedSettings(settings, path, origins)


def keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every dotted key and its field, in order; those of a section after the plain ones."""
    sections = []
    for name, field in model.model_fields.items():
        key = prefix + (field.alias or name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            sections.append((field.annotation, f"{key}."))
        else:
            yield key, field
    for section, dotted in sections:
        yield from keys(section, dotted)


def variable(key: str) -> str:
    """Dotted key → its environment variable."""
    return PREFIX + key.replace(".", "_").upper()


def _flag(key: str) -> str:
    return "--" + key.rpartition(".")[2].replace("_", "-")


def _config_file(file: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read; one that was asked for must exist."""
    if file is None and environ.get("KWSD_CONFIG"):
        file = Path(environ["KWSD_CONFIG"])
    if file is not None:
        return file.expanduser()
    candidates = (Path(platformdirs.user_config_dir("kwsd")) / "config.toml", SYSTEM_FILE)
    return next((path for path in candidates if path.is_file()), None)


def _from_toml(path: Path) -> dict[str, _Value]:
    try:
        tree = tomllib.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not TOML: {error}") from error
    fields = dict(keys())
    leaves = dict(_leaves(tree))
    _check_shape(path, leaves, fields)
    for key, value in leaves.items():
        if isinstance(value, str) and key in fields and _is_path(fields[key]):
            leaves[key] = path.parent / Path(value).expanduser()
    return {key: _Value(value, str(path)) for key, value in leaves.items()}


def _check_shape(path: Path, leaves: Mapping[str, Any], fields: Mapping[str, FieldInfo]) -> None:
    """ConfigError for `search = 3` and for `[keywords]`: a section that is a value, a value that is a section."""
    sections = {key.rpartition(".")[0] for key in fields if "." in key}
    for key, value in leaves.items():
        if key in sections and value != {}:
            raise ConfigError(f"{path}: {key} is a section; write [{key}] on a line of its own")
        for plain in (field for field in fields if key.startswith(f"{field}.") or (key == field and value == {})):
            raise ConfigError(f"{path}: {plain} is a plain setting; write {plain} = … above the first section")


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in a tree that is no table of settings."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _is_path(field: FieldInfo) -> bool:
    return Path in (field.annotation, *getattr(field.annotation, "__args__", ()))


def _from_environment(environ: Mapping[str, str]) -> dict[str, _Value]:
    """Only names that are settings: scripts and hooks have KWSD_ variables of their own."""
    known = {variable(key): key for key, _ in keys()}
    return {known[name]: _Value(value, name) for name, value in environ.items() if name in known and value}


def _validate(values: Mapping[str, _Value]) -> Settings:
    tree: dict[str, Any] = {}
    for key, value in values.items():
        _plant(tree, key, value.value)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        mistakes = [_explain(mistake, values) for mistake in error.errors()]
    kind = FlagError if all(kind is FlagError for _, kind in mistakes) else ConfigError
    raise kind("\n".join(text for text, _ in mistakes)) from None


def _plant(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, name = key.split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[name] = value


def _explain(mistake: Mapping[str, Any], values: Mapping[str, _Value]) -> tuple[str, type[ConfigError]]:
    """`origin: key = value: what and why`."""
    location = ".".join(str(part) for part in mistake["loc"])
    key = max((key for key in values if f"{location}.".startswith(f"{key}.")), key=len, default=location)
    culprit = values.get(key) or next(value for name, value in values.items() if name.startswith(f"{key}."))
    if mistake["type"] == "extra_forbidden":
        return f"{culprit.origin}: {location} is not a setting; {_nearest(location)}", culprit.error
    what = mistake["msg"].replace("Input should be", "must be").replace("Value should have", "must have")
    subject = culprit.origin if culprit.origin == _flag(key) else f"{culprit.origin}: {key}"
    return f"{subject}: {culprit.value!r} {what[0].lower()}{what[1:]}", culprit.error


def _nearest(key: str) -> str:
    known = [name for name, _ in keys()]
    by_last_part = {name.rpartition(".")[2]: name for name in known}
    close = difflib.get_close_matches(key, known, n=1) or [
        by_last_part[name] for name in difflib.get_close_matches(key.rpartition(".")[2], by_last_part, n=1)
    ]
    return f"did you mean {close[0]}?" if close else "`kwsd --print-config` shows all settings"
