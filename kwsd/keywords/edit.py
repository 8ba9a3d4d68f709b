"""Changes to keywords of a keyword file: comments and order stay, a backup lies beside it. Imports tomlkit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unicodedata import normalize

from kwsd.errors import KeywordFileError
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.no_text import BOM
from kwsd.keywords.save import save_keyword_file
from kwsd.keywords.shipped import shipped_lists
from kwsd.keywords.text_lines import keyword_of_line
from kwsd.keywords.toml_tables import read_tables
from kwsd.small_files import parse_toml, read_small

Changes = Mapping[Keyword, Mapping[str, Any]]
"""Keyword → keys and values, as in TOML."""

IN_TEXT = {"boost": ":", "threshold": "#"}
"""What a line of a text file can say, and how."""


def known_keyword(path: Path, name: str) -> Keyword | None:
    """The keyword of that name or phrase in a TOML file; None where it has none such, or is not there.

    Raises:
        KeywordFileError: the file is no TOML keyword file, or cannot be read.
    """
    if not is_toml(path):
        raise KeywordFileError(f"{path}: spellings are written to TOML only; give a file called *.toml")
    for line in read_tables(editable(path)):
        found = line.keyword
        if found is not None and alike(name) in {alike(found.label), alike(found.phrase)}:
            return found
    return None


def require_unchanged(path: Path, name: str, known: Keyword | None) -> None:
    """Raises KeywordFileError: what `known_keyword` found of a name is no longer what the file says."""
    if known_keyword(path, name) != known:
        raise KeywordFileError(f'{path}: "{name}" was changed meanwhile; nothing was written: do the same once more')


def alike(name: str) -> str:
    """What a name has in common with those that only differ in case, blanks, or how an accent is written."""
    return " ".join(normalize("NFC", name).casefold().split())


def write_keywords(path: Path, changes: Changes) -> Path | None:
    """Set keys of keywords; the file changes at once or not at all.

    One that is not there is added to a TOML file. In a text file boosts and thresholds of its keywords can be set.

    Returns:
        The backup of what was there before; None where nothing was.

    Raises:
        KeywordFileError: the file cannot be read, or cannot say this.
        OSError: it cannot be written; it is as it was.
    """
    content = editable(path)
    return save_keyword_file(
        path, in_tables(path, content, changes) if is_toml(path) else in_lines(path, content, changes)
    )


def editable(path: Path) -> bytes:
    """What a file holds that may be changed; nothing where it is not there.

    Raises:
        KeywordFileError: it is no keyword file, cannot be read or written, or is TOML and tomlkit is not installed.
    """
    locked = why_not_written(path)
    if locked:
        raise KeywordFileError(locked)
    if is_toml(path) and find_spec("tomlkit") is None:
        raise KeywordFileError(f"{path}: tomlkit is not installed; it comes with: pip install 'kwsd[tune]'")
    try:
        content = read_small(path)
        if is_toml(path):
            read_tables(content)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise KeywordFileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeywordFileError(f"{path}: {error}") from error
    return content


def why_not_written(path: Path) -> str | None:
    """What keeps a keyword file from being changed; None where nothing does."""
    if path.resolve() in {each.resolve() for each in shipped_lists().values()}:
        return f"{path} comes with kwsd: copy it, and start kwsd with the copy"
    if not path.exists() and not path.parent.is_dir():
        return f"{path}: there is no folder {path.parent} to write it in; make it, or give another file"
    if not path.exists() and not os.access(path.parent, os.W_OK):
        return f"{path}: its folder cannot be written by this user"
    if path.is_file() and not (os.access(path, os.W_OK) and os.access(path.resolve().parent, os.W_OK)):
        return f"{path} cannot be written by this user"
    return None


def in_tables(path: Path, content: bytes, changes: Changes) -> bytes:
    """The content of a TOML file with the changes, its comments and line ends. Raises KeywordFileError."""
    import tomlkit  # noqa: PLC0415 - of the extra `tune`
    from tomlkit.exceptions import TOMLKitError  # noqa: PLC0415 - likewise

    text = content.removeprefix(BOM).decode()
    ends_lines = "\r\n" if "\r\n" in text else "\n"
    wanted = parse_toml(text.encode())
    tables = wanted.setdefault("keyword", [])
    done = isinstance(tables, list) and all(isinstance(each, dict) for each in tables)
    if done:
        change_tables(tables, changes)
        try:
            document = tomlkit.parse(text if text.endswith("\n") or not text else text + ends_lines)
            if "keyword" not in document:
                document["keyword"] = tomlkit.aot()
            change_tables(document["keyword"], changes)
            written = tomlkit.dumps(document)
            if ends_lines != "\n":
                written = re.sub(r"(?<!\r)\n", ends_lines, written)
            done = parse_toml(written.encode()) == wanted
        except (TOMLKitError, ValueError):
            done = False
    if not done:
        raise KeywordFileError(f"{path}: is laid out in a way that no program changes; write keywords as [[keyword]]")
    return (BOM if content.startswith(BOM) else b"") + written.encode()


def change_tables(tables: list[Any], changes: Changes) -> None:
    """Set keys of tables, as tomlkit or tomllib have them, and add tables for keywords that have none."""
    names = [(str(each.get("phrase", "")).strip(), str(each.get("name", "")).strip()) for each in tables]
    for keyword, values in changes.items():
        own = (keyword.phrase, keyword.name)
        if own not in names:
            add(tables, {"phrase": keyword.phrase, **({"name": keyword.name} if keyword.name else {})})
            names.append(own)
        table = tables[names.index(own)]
        for key, value in values.items():
            there = table.get(key)
            if isinstance(value, tuple) and there is not None and list(value[: len(there)]) == list(there):
                for more in value[len(there) :]:
                    add(there, more)
            else:
                table[key] = list(value) if isinstance(value, tuple) else value


def add(values: Any, value: Any) -> None:
    """One more at the end, on a line of its own where each has one."""
    text = values.as_string() if hasattr(values, "add_line") else ""
    if "\n" in text:
        indents = re.findall(r"\n([ \t]+)", text)
        values.add_line(value, indent=indents[0] if indents else "    ")
    else:
        values.append(value)


def in_lines(path: Path, content: bytes, changes: Changes) -> bytes:
    """The content of a text file with the changes. Raises KeywordFileError."""
    lines = content.removeprefix(BOM).splitlines(keepends=True)
    places: dict[str, int] = {}
    for place, line in enumerate(lines):
        with suppress(ValueError):  # what is no keyword stays as it is
            if read := keyword_of_line(line):
                places.setdefault(read.label, place)
    for keyword, values in changes.items():
        strange = next((key for key in values if key not in IN_TEXT), None)
        if strange:
            raise KeywordFileError(f"{path}: {strange} is written to TOML only; give a file called *.toml")
        if keyword.label not in places:
            raise KeywordFileError(f'{path}: has no keyword "{keyword.label}" any more; nothing was written')
        place = places[keyword.label]
        for key, value in values.items():
            lines[place] = _with_attribute(lines[place], f"{IN_TEXT[key]}{value:g}")
    return (BOM if content.startswith(BOM) else b"") + b"".join(lines)


def is_toml(path: Path) -> bool:
    """Whether a keyword file is one of tables."""
    return path.suffix.lower() == ".toml"


def _with_attribute(line: bytes, text: str) -> bytes:
    """A line with another boost or threshold in place of its own, or one at its end."""
    own = re.compile(rb"(?<!\S)" + re.escape(text[0].encode()) + rb"\S+")
    if own.search(line):
        return own.sub(text.encode(), line, count=1)
    body = line.rstrip()
    return body + b" " + text.encode() + line[len(body) :]
