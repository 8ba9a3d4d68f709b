"""`[[source]]` of the settings: the microphones of one daemon. A mistake is told with file, line and remedy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from kwsd import limits
from kwsd.errors import ConfigError, first_few, nearest_of
from kwsd.fields import Mistake, read_fields, types_of
from kwsd.homes import expanded
from kwsd.keywords.shipped import find_list
from kwsd.quick_dataclass import dataclass

HEADER = re.compile(r"^\s*\[\[\s*source\s*\]\]")
ANY_HEADER = re.compile(r"^\s*\[")
ALONE = ("device", "channel", "input")
"""Settings of the one source that is heard where there is no [[source]]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """[[source]]: one microphone of several, each heard for itself in one process."""

    name: Annotated[str, limits.SOURCE_NAME]
    """What events, commands and the status call it, such as the room it is in."""
    device: Annotated[str, limits.TYPED]
    """Microphone, by words of its name; `kwsd --list-devices` names them."""
    channel: Annotated[int, limits.CHANNEL] | None = None
    """Only this channel, counted from 1; None is the first that has sound."""
    keywords: Path | None = None
    """Keyword file of this one; None is that of all."""


def read_sources(tables: Any, path: Path, text: str) -> tuple[SourceSettings, ...]:
    """The sources of a settings file, given what TOML makes of its `source`, and its text.

    Raises:
        ConfigError: a line per mistake.
    """
    if not isinstance(tables, list) or not tables or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: source is a row of tables; write [[source]] and name, device below it for each")
    told, found = [], list[SourceSettings]()
    places = TableLines(path, text, len(tables))
    for number, table in enumerate(tables):
        values, mistakes = read_fields(SourceSettings, table)
        told += [f"{places.of(number, mistake.key)}: {told_mistake(mistake, table)}" for mistake in mistakes]
        if mistakes:
            continue
        if values.get("keywords"):
            values["keywords"] = find_list(expanded(values["keywords"]), path.parent)
        source = SourceSettings(**values)
        told += [f"{places.of(number, key)}: {what}" for key, what in conflicts(source, found)]
        found.append(source)
    if told:
        raise ConfigError("\n".join(first_few(told)))
    return tuple(found)


class TableLines:
    """Where in a file each `[[source]]` and its keys stand, which TOML does not tell."""

    def __init__(self, path: Path, text: str, count: int) -> None:
        """Of a row written without headers only the file is known."""
        self._path, self._lines = path, text.splitlines()
        headers = [number for number, line in enumerate(self._lines) if HEADER.match(line)]
        self._headers = headers if len(headers) == count else []

    def of(self, number: int, key: str) -> str:
        """`file:line` of a key of a table, of its header where the key is not there."""
        if not self._headers:
            return str(self._path)
        header = self._headers[number]
        for line in range(header + 1, len(self._lines)):
            if ANY_HEADER.match(self._lines[line]):
                break
            if re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", self._lines[line]):
                return f"{self._path}:{line + 1}"
        return f"{self._path}:{header + 1}"


def told_mistake(mistake: Mistake, table: Mapping[str, Any]) -> str:
    """What is wrong with a table, and what would be right."""
    known = types_of(SourceSettings)
    if mistake.unknown:
        nearest = nearest_of(mistake.key, known)
        remedy = f"did you mean {nearest[0]}?" if nearest else f"a [[source]] has {', '.join(known)}"
        return f"{mistake.key} is not a setting of a source; {remedy}"
    if mistake.key in table:
        return str(mistake)
    if mistake.key == "device":
        return 'the source has no device; write device = "words of its name", which kwsd --list-devices prints'
    return f'the source has no {mistake.key}; write {mistake.key} = "kitchen", say'


def conflicts(source: SourceSettings, others: Sequence[SourceSettings]) -> Iterator[tuple[str, str]]:
    """What another source before this one has already: the key, and what is to be done."""
    for other in others:
        if other.name.casefold() == source.name.casefold():
            yield "name", f'two sources are called "{source.name}"; give each a name of its own'
        apart = source.channel is not None and other.channel is not None and source.channel != other.channel
        if other.device.casefold() == source.device.casefold() and not apart:
            remedy = "give each its own, or both a channel of their own"
            yield "device", f'"{source.device}" is the device of "{other.name}" already; {remedy}'
