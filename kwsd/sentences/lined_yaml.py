"""YAML whose texts and lists know their lines. The only importer of the YAML library, which comes with hassil."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kwsd.errors import ConfigError, SentenceFileError
from kwsd.small_files import read_small

EXTRA = "--sentences needs hassil: pip install 'kwsd[sentences]'"


class LinedText(str):
    """Text that knows its line."""

    __slots__ = ("line",)
    line: int


class LinedList(list[Any]):
    """A list that knows the line of each item."""

    lines: tuple[int, ...] = ()


def line_of(value: Any, otherwise: int) -> int:
    """Where a text of the file stands."""
    return value.line if isinstance(value, LinedText) else otherwise


def line_of_key(mapping: Mapping[str, Any], key: str, otherwise: int = 1) -> int:
    """Where a key stands."""
    return next((line_of(each, otherwise) for each in mapping if each == key), otherwise)


def lined(values: list[Any], otherwise: int) -> Iterator[tuple[Any, int]]:
    """Each item with its line."""
    lines = values.lines if isinstance(values, LinedList) else (otherwise,) * len(values)
    return zip(values, lines, strict=True)


def load(path: Path) -> tuple[Any, list[tuple[int, str]]]:
    """The file, and keys that stand twice in one mapping, with their lines: the last one counts.

    Raises:
        ConfigError: the YAML library is not installed.
        SentenceFileError: the file cannot be read, or is not YAML.
    """
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError(EXTRA) from error

    repeated: list[tuple[int, str]] = []
    content = content_of(path)
    try:
        return lined_loader(yaml, repeated)(content).get_single_data(), repeated
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SentenceFileError(f"{path}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SentenceFileError(f"{path}: is not YAML: {str(error)[:200]}") from error


def content_of(path: Path) -> str:
    """The text of the file. Raises SentenceFileError: it cannot be read, or is not UTF-8."""
    try:
        return read_small(path).decode()
    except OSError as error:
        raise SentenceFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SentenceFileError(f"{path}: is not UTF-8; save it as text in UTF-8") from error


def lined_loader(yaml: Any, repeated: list[tuple[int, str]]) -> Any:
    """A safe loader that keeps lines, and adds keys that stand twice to `repeated`."""

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml is not typed
        """Keeps lines."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    repeated.append((key.start_mark.line + 1, str(key.value)))
                seen.add(str(key.value) if isinstance(key, yaml.ScalarNode) else "")
            return super().construct_mapping(node, deep)

    def text(_loader: Any, node: Any) -> LinedText:
        value = LinedText(node.value)
        value.line = node.start_mark.line + 1
        return value

    def sequence(loader: Any, node: Any) -> Iterator[LinedList]:
        values = LinedList()
        values.lines = tuple(item.start_mark.line + 1 for item in node.value)
        yield values  # before its items are made, since one of them may be the list itself
        values += loader.construct_sequence(node)

    Loader.add_constructor("tag:yaml.org,2002:str", text)
    Loader.add_constructor("tag:yaml.org,2002:seq", sequence)
    return Loader
