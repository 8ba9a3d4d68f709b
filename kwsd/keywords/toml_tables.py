"""TOML keyword files: `[[keyword]]` tables, checked one by one so that a bad one does not cost the others."""

from collections.abc import Iterable
from typing import Any

from kwsd.errors import nearest_of
from kwsd.fields import read_fields, types_of
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.line import Line
from kwsd.keywords.no_text import BOM
from kwsd.small_files import parse_toml


def read_tables(content: bytes) -> list[Line]:
    """An entry for every `[[keyword]]`, and one for what else stands in the file.

    Raises:
        ValueError: the content is not TOML.
    """
    try:
        document = parse_toml(content.removeprefix(BOM))
    except ValueError as error:  # also bytes that are not UTF-8, and numbers of thousands of digits
        raise ValueError(f"is not TOML: {error}") from error
    tables = document.pop("keyword", [])
    if not isinstance(tables, list):
        tables = [tables]
    strangers = tuple(_unknown_key(key, ["[[keyword]]"]) for key in document)
    return [Line(None, faults=strangers), *(_entry(number, table) for number, table in enumerate(tables, start=1))]


def _entry(number: int, table: Any) -> Line:
    if not isinstance(table, dict):
        return Line(None, number, faults=("is not a table; write [[keyword]] and its keys below it",))
    values, mistakes = read_fields(Keyword, {key: _stripped(value) for key, value in table.items()})
    if not mistakes:
        return Line(None, number, Keyword(**values))
    known = types_of(Keyword)
    faults = (_unknown_key(mistake.key, known) if mistake.unknown else str(mistake) for mistake in mistakes)
    return Line(None, number, faults=tuple(faults))


def _stripped(value: Any) -> Any:
    if isinstance(value, list):
        return [_stripped(part) for part in value]
    return value.strip() if isinstance(value, str) else value


def _unknown_key(key: str, known: Iterable[str]) -> str:
    known = list(known)
    nearest = nearest_of(key, known)
    return f'unknown key "{key}"; ' + (f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}")
