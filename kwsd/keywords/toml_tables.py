"""TOML keyword files: `[[keyword]]` tables, checked one by one so that a bad one does not cost the others."""

import tomllib
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from kwsd.keywords.keyword import Keyword
from kwsd.keywords.line import Entry, check_text
from kwsd.limits import (
    BOOST,
    DURATION_S,
    GAP_S,
    MIN_SCORE,
    REFRACTORY_S,
    THRESHOLD,
    TRAILING_BLANKS,
    Range,
)


def _within(allowed: Range) -> Callable[[float], float]:
    def check(value: float) -> float:
        if value not in allowed:
            raise ValueError(f"{value:g} is not {allowed}")
        return value

    return check


def _typed(text: str) -> str:
    check_text(text)
    if not text.strip():
        raise ValueError("is empty")
    return text.strip()


Text = Annotated[str, AfterValidator(_typed)]


class KeywordTable(BaseModel):
    """One `[[keyword]]`. Names and meaning are those of `kwsd.keywords.keyword.Keyword`."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    phrase: Text
    name: Text = ""
    spellings: list[Text] = []
    written_forms: bool = True
    boost: Annotated[float, AfterValidator(_within(BOOST))] | None = None
    threshold: Annotated[float, AfterValidator(_within(THRESHOLD))] | None = None
    min_score: Annotated[float, AfterValidator(_within(MIN_SCORE))] | None = None
    trailing_blanks: Annotated[int, AfterValidator(_within(TRAILING_BLANKS))] | None = None
    max_gap_s: Annotated[float, AfterValidator(_within(GAP_S))] | None = None
    min_duration_s: Annotated[float, AfterValidator(_within(DURATION_S))] | None = None
    refractory_s: Annotated[float, AfterValidator(_within(REFRACTORY_S))] | None = None
    enabled: bool = True

    def keyword(self) -> Keyword:
        """The same as the record that the search knows."""
        return Keyword(**{**self.model_dump(), "spellings": tuple(self.spellings)})


def read_tables(content: bytes) -> list[Entry]:
    """An entry for every `[[keyword]]`, and one for what else stands in the file.

    Raises:
        ValueError: the content is not TOML.
    """
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"is not TOML: {error}") from error
    except RecursionError as error:
        raise ValueError("is not TOML: brackets are nested too deeply") from error
    tables = document.pop("keyword", [])
    if not isinstance(tables, list):
        tables = [tables]
    strangers = tuple(_unknown_key(key, ["[[keyword]]"]) for key in document)
    return [Entry(None, faults=strangers), *(_entry(number, table) for number, table in enumerate(tables, start=1))]


def _entry(number: int, table: Any) -> Entry:
    if not isinstance(table, dict):
        return Entry(None, number, faults=("is not a table; write [[keyword]] and its keys below it",))
    try:
        return Entry(None, number, KeywordTable.model_validate(table).keyword())
    except ValidationError as error:
        return Entry(None, number, faults=tuple(_faults(error)))


def _faults(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        key, *index = detail["loc"]
        if detail["type"] == "extra_forbidden":
            yield _unknown_key(str(key), KeywordTable.model_fields)
        else:
            where = f"{key} {int(index[0]) + 1}" if index else key
            yield f"{where}: {_message(detail)}"


def _message(detail: Any) -> str:
    if detail["type"] == "missing":
        return "is missing"
    message = str(detail["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return message if detail["type"] == "value_error" else f"{detail['input']!r} {message}"


def _unknown_key(key: str, known: Iterable[str]) -> str:
    known = list(known)
    nearest = get_close_matches(key, known, n=1)
    return f'unknown key "{key}"; ' + (f"did you mean {nearest[0]}?" if nearest else f"known: {', '.join(known)}")
