"""Flags over environment over TOML over what the model brings, and messages that name file, key and remedy."""

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args

from kwsd.config.settings import Settings
from kwsd.config.sources import ALONE, SourceSettings, read_sources
from kwsd.errors import ConfigError, FlagError, ModelError, first_few, nearest_of
from kwsd.events import Detection
from kwsd.fields import Mistake, read_fields, types_of
from kwsd.homes import expanded, user_directory
from kwsd.keywords.shipped import find_list
from kwsd.models.description import read_description
from kwsd.models.directory import find_model_directory
from kwsd.quick_dataclass import dataclass
from kwsd.small_files import parse_toml, read_small

PREFIX = "KWSD_"
SYSTEM_FILE = Path("/etc/kwsd/config.toml")
DEFAULT = "default"
HOOK_VARIABLES = {f"{PREFIX}{each.name.upper()}" for each in fields(Detection)}
"""What `--exec` gives its command, which may start kwsd."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, and where each that is not a default came from."""

    settings: Settings
    file: Path | None
    """The TOML file that was read."""
    origins: Mapping[str, str]
    """Dotted key → flag, environment variable, file, or the model that brings it."""
    sources: tuple[SourceSettings, ...] = ()
    """The microphones of `[[source]]`, heard in place of `input`."""


@dataclass(frozen=True, slots=True)
class _Value:
    value: Any
    origin: str
    error: type[ConfigError] = ConfigError
    base: Path = Path()
    """What a relative path in it is relative to."""


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
    sources: tuple[SourceSettings, ...] = ()
    if path:
        values, sources = _from_toml(path)
    known = {variable(key): key for key, _ in keys()}
    for name in environ.keys() - known.keys() - HOOK_VARIABLES:  # those of scripts are like none of ours
        for meant in nearest_of(name, known, 0.85) if name.startswith(PREFIX) else ():
            logger.warning("%s: there is no such setting, and nothing is done; did you mean %s?", name, meant)
    values.update({known[name]: _Value(value, name) for name, value in environ.items() if name in known and value})
    values.update((key, _Value(value, _flag(key), FlagError)) for key, value in flags.items() if value is not None)
    for key, allowed in keys():
        if key in values and Path in {allowed, *get_args(allowed)} and isinstance(values[key].value, str | Path):
            if values[key].value == "":  # told with the other mistakes
                continue
            given = expanded(values[key].value)
            found = find_list(given, values[key].base) if key == "keywords" else values[key].base / given
            values[key] = replace(values[key], value=found)
    sources = unless_alone(sources, values)
    settings = _validate(values)
    origins = {key: value.origin for key, value in values.items()}
    try:
        description = read_description(find_model_directory(settings.model))
    except ModelError:  # adds nothing; loading it will say so
        return LoadedSettings(settings, path, origins, sources)
    search = settings.search.over(description.search)
    added = {f"search.{name}": f"model {description.name}" for name in search.given - settings.search.given}
    return LoadedSettings(replace(settings, search=search), path, {**origins, **added}, sources)


def keys(kind: type = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key and what it may be, in order; those of a section after the plain ones."""
    types = types_of(kind)
    yield from ((prefix + name, allowed) for name, allowed in types.items() if not is_dataclass(allowed))
    for name, section in types.items():
        if is_dataclass(section):
            yield from keys(section, f"{name}.")  # type: ignore[arg-type]


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
        return expanded(file)
    own = user_directory("config")
    for place in (own / "config.toml", SYSTEM_FILE) if own else (SYSTEM_FILE,):
        try:
            if place.is_file():
                return place
        except OSError:  # this user may not even look for it, and reading it will say so
            return place
    return None


def unless_alone(sources: tuple[SourceSettings, ...], values: Mapping[str, _Value]) -> tuple[SourceSettings, ...]:
    """The sources, none where a flag names another input. Raises ConfigError: a microphone is set beside them."""
    for key in ALONE if sources else ():
        given = values.get(key)
        if given is not None and (key, given.origin) != ("input", "--input"):
            name = "" if given.origin == _flag(key) else f": {key}"
            told = "belongs to one microphone, and [[source]] names several; set it under each of them"
            raise given.error(f"{given.origin}{name} {told}")
    return () if "input" in values else sources


def _from_toml(path: Path) -> tuple[dict[str, _Value], tuple[SourceSettings, ...]]:
    try:
        content = read_small(path).removeprefix(b"\xef\xbb\xbf")
        tree = parse_toml(content)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # also bytes that are not UTF-8, and numbers of thousands of digits
        how = 'write NAME = VALUE a line, and texts in quotes: keywords = "commands.txt"'
        raise ConfigError(f"{path}: is not TOML: {error}; {how}") from error
    sources = read_sources(tree.pop("source"), path, content.decode()) if "source" in tree else ()
    allowed = dict(keys())
    leaves = dict(_leaves(tree))
    sections = {key.rpartition(".")[0] for key in allowed if "." in key}
    for key, value in leaves.items():
        if key in sections and value != {}:
            raise ConfigError(f"{path}: {key} is a section; write [{key}] on a line of its own")
        if value == {} and key not in {*sections, *allowed}:
            raise ConfigError(f"{path}: [{key}] is not a section; there are {', '.join(sorted(sections))}")
        for plain in (field for field in allowed if key.startswith(f"{field}.") or (key == field and value == {})):
            raise ConfigError(f"{path}: {plain} is a plain setting; write {plain} = … above the first section")
    return {key: _Value(value, str(path), base=path.parent) for key, value in leaves.items() if value != {}}, sources


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of everything in a tree that is no table of settings."""
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _validate(values: Mapping[str, _Value]) -> Settings:
    plain: dict[str, Any] = {}
    sections: dict[str, dict[str, Any]] = {name: {} for name, kind in types_of(Settings).items() if is_dataclass(kind)}
    for key, value in values.items():
        section, _, name = key.partition(".")
        sections.get(section, plain)[name if section in sections else key] = value.value
    found, mistakes = read_fields(Settings, plain, typed=True)
    for name, given in sections.items():
        read, more = read_fields(types_of(Settings)[name], given, typed=True, prefix=f"{name}.")
        mistakes += more
        if not more:
            found[name] = types_of(Settings)[name](**read)
    if not mistakes:
        return Settings(**found)
    culprits = [values[mistake.key] for mistake in mistakes]
    kind = FlagError if all(culprit.error is FlagError for culprit in culprits) else ConfigError
    raise kind("\n".join(first_few(map(_told, mistakes, culprits))))


def _told(mistake: Mistake, culprit: _Value) -> str:
    """`origin: key: value is not …`; of a flag its name is enough."""
    if mistake.unknown:
        known = [name for name, _ in keys()]
        by_last_part = {name.rpartition(".")[2]: name for name in known}
        close = nearest_of(mistake.key, known) or [
            by_last_part[name] for name in nearest_of(mistake.key.rpartition(".")[2], by_last_part)
        ]
        remedy = f"did you mean {close[0]}?" if close else "`kwsd --print-config` shows all settings"
        return f"{culprit.origin}: {mistake.key} is not a setting; {remedy}"
    own_name = culprit.origin == _flag(mistake.key)
    return mistake.told(culprit.origin if own_name else f"{culprit.origin}: {mistake.key}")
