"""What a file, a flag or a program gives → the fields of a frozen dataclass, whose annotations say what they may be.

A field holds a bool, int, float, text, path, one of several texts, texts in a row, or one of these and None.
`Annotated[…, limit]` adds a limit of `kwsd.limits`.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from kwsd.errors import SettingError, explain
from kwsd.quick_dataclass import dataclass

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}


@dataclass(frozen=True, slots=True)
class Mistake:
    """A value that is not what its field may be. `str()` tells it."""

    key: str
    value: Any
    what: str
    part: str = ""
    """Which of several texts it is, such as ` 2`."""
    unknown: bool = False
    """Whether there is no such field at all."""

    def __str__(self) -> str:
        return f"{self.key}: is missing" if self.value is MISSING else self.told(self.key)

    def told(self, subject: str) -> str:
        """The same of a field that is called otherwise."""
        return explain(subject + self.part, self.value, self.what)


class _WrongError(ValueError):
    """What is wrong with a value, such as `is not a number`."""


class _WrongPartError(ValueError):
    """What is wrong with one of several texts."""

    def __init__(self, number: int, value: Any, what: str) -> None:
        super().__init__(what)
        self.number = number
        self.value = value


def read_fields(
    kind: type, given: Mapping[str, Any], *, typed: bool = False, prefix: str = ""
) -> tuple[dict[str, Any], list[Mistake]]:
    """Values for the fields of `kind`, and what cannot be one.

    `typed` takes `"0.5"` and `yes` for what they say; `prefix` goes before the keys of mistakes.
    """
    hints, values, mistakes = types_of(kind), {}, []
    for key, value in given.items():
        if key not in hints:
            mistakes.append(Mistake(prefix + key, value, "is unknown", unknown=True))
            continue
        try:
            values[key] = _read(hints[key], value, typed=typed)
        except _WrongPartError as part:
            mistakes.append(Mistake(prefix + key, part.value, str(part), part=f" {part.number}"))
        except ValueError as error:
            mistakes.append(Mistake(prefix + key, value, str(error)))
    mistakes += [Mistake(prefix + name, MISSING, "") for name in _needed(kind) if name not in given]
    return values, mistakes


def check_fields(record: Any) -> None:
    """For `__post_init__`: hold a record to its annotations. Raises SettingError, which names the field."""
    values = ((field, getattr(record, field.name)) for field in fields(record) if field.init)
    given = {field.name: value for field, value in values if value is not field.default or field.default is MISSING}
    _, mistakes = read_fields(type(record), given)
    if mistakes:
        raise SettingError(str(mistakes[0]))


@cache
def types_of(kind: type) -> dict[str, Any]:
    """Field → its annotation, of those that are given."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


@cache
def _needed(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.init and f.default is MISSING and f.default_factory is MISSING)


def _read(allowed: Any, value: Any, *, typed: bool) -> Any:
    """Raises ValueError: what is wrong, such as `is not a number`."""
    origin, arguments = get_origin(allowed), get_args(allowed)
    if origin in {Union, UnionType}:
        if value is None:
            return None
        (allowed,) = (argument for argument in arguments if argument is not NoneType)
        return _read(allowed, value, typed=typed)
    if origin is Annotated:
        found = _read(arguments[0], value, typed=typed)
        for limit in arguments[1:]:
            limit.check(found)
        return found
    if origin is Literal:
        given = value if isinstance(arguments[0], str) else _PLAIN[type(arguments[0])](value, typed)
        if given not in arguments:
            raise _WrongError(f"is not one of {', '.join(map(str, arguments))}")
        return given
    if origin is tuple:
        return _several(arguments[0], value, typed=typed)
    return _PLAIN[allowed](value, typed)


def _several(allowed: Any, value: Any, *, typed: bool) -> tuple[Any, ...]:
    if typed and isinstance(value, str):
        value = [part.strip() for part in value.split(",")]
    if not isinstance(value, list | tuple):
        raise _WrongError("is not a list")
    found = []
    for number, part in enumerate(value, start=1):
        try:
            found.append(_read(allowed, part, typed=typed))
        except ValueError as error:
            raise _WrongPartError(number, part, str(error)) from None
    return tuple(found)


def _bool(value: Any, typed: bool) -> bool:
    if typed and isinstance(value, str) and value.lower() in TRUE | FALSE:
        return value.lower() in TRUE
    if not isinstance(value, bool):
        raise _WrongError("is not true or false")
    return value


def _float(value: Any, typed: bool) -> float:
    if isinstance(value, bool) or not (isinstance(value, int | float) or (typed and isinstance(value, str))):
        raise _WrongError("is not a number")
    try:
        return float(value)
    except (ValueError, OverflowError):
        raise _WrongError("is not a number") from None


def _int(value: Any, typed: bool) -> int:
    try:
        number = _float(value, typed)
        if number == int(number):
            return int(number)
    except (ValueError, OverflowError):
        pass
    raise _WrongError("is not a whole number")


def _text(value: Any, _typed: bool) -> str:
    if not isinstance(value, str):
        raise _WrongError("is not text, which stands in quotes")
    return value


def _path(value: Any, typed: bool) -> Path:
    if value == "":  # which would be the current directory
        raise _WrongError("is empty: leave it out, or give a path")
    return value if isinstance(value, Path) else Path(_text(value, typed))


_PLAIN = {bool: _bool, float: _float, int: _int, str: _text, Path: _path}
