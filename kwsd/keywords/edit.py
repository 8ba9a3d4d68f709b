"""Changes to one keyword of a TOML keyword file: comments and order stay, a backup lies beside it. Imports tomlkit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kwsd.errors import KeywordFileError
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.toml_tables import read_tables
from kwsd.small_files import read_small

BACKUP = ".bak"


def find_keyword(path: Path, name: str) -> Keyword:
    """The keyword of that name or phrase; a new one where the file has none such, or is not there.

    Raises:
        KeywordFileError: the file is no TOML keyword file, or cannot be read.
    """
    for line in read_tables(content_of(path)):
        found = line.keyword
        if found is not None and name.casefold() in {found.label.casefold(), found.phrase.casefold()}:
            return found
    return Keyword(name)


def write_keyword(path: Path, keyword: Keyword, changes: Mapping[str, Any]) -> Path | None:
    """Set keys of a keyword, which is added where it is not there; the file changes at once or not at all.

    Returns:
        The backup of what was there before; None where nothing was.

    Raises:
        KeywordFileError: the file is no TOML keyword file, or cannot be read.
        OSError: it cannot be written; it is as it was.
    """
    import tomlkit  # noqa: PLC0415 - of the extra `tune`

    content = content_of(path)
    document = tomlkit.parse(content.decode())
    tables = document.get("keyword")
    if tables is None:
        tables = document.setdefault("keyword", tomlkit.aot())
    own = (keyword.phrase, keyword.name)
    called = ((str(each.get("phrase", "")).strip(), str(each.get("name", "")).strip()) for each in tables)
    table = next((each for each, name in zip(tables, called, strict=True) if name == own), None)
    if table is None:
        table = tomlkit.table()
        table["phrase"] = keyword.phrase
        if keyword.name:
            table["name"] = keyword.name
        tables.append(table)
    for key, value in changes.items():
        table[key] = list(value) if isinstance(value, tuple) else value
    return replace_file(path.resolve(), tomlkit.dumps(document).encode())


def content_of(path: Path) -> bytes:
    """What a keyword file holds; nothing where it is not there. Raises KeywordFileError: it is no TOML keyword file."""
    if path.suffix.lower() != ".toml":
        raise KeywordFileError(f"{path}: spellings and thresholds are written to TOML only; give a file called *.toml")
    try:
        content = read_small(path)
        read_tables(content)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise KeywordFileError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise KeywordFileError(f"{path}: {error}") from error
    return content


def replace_file(path: Path, content: bytes) -> Path | None:
    """Write a file whole, with a backup beside it of the one that was there; raises OSError, and it is as it was."""
    backed_up = path.exists()
    backup = path.with_name(path.name + BACKUP) if backed_up else None
    if backup is not None:
        shutil.copy2(path, backup)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if backed_up:
            shutil.copymode(path, part)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return backup
