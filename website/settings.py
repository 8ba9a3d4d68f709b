"""The page of all settings, made from their records."""

import ast
import inspect
from dataclasses import MISSING, fields
from itertools import groupby, pairwise
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from kwsd.config.load import keys, variable
from kwsd.config.settings import Settings
from kwsd.fields import types_of
from kwsd.limits import Range
from website.marks import cell

TOP = """\
# Settings

Flags come first, then the environment, then `config.toml`, then what the model brings, then the default.
`config.toml` is the user's (`~/.config/kwsd/`), else the system's (`/etc/kwsd/`), or the one that `--config` names.
`kwsd --print-config` shows those in force, and where each came from.
"""
PLAIN = {bool: "`true`, `false`", int: "whole number", float: "number", str: "text", Path: "path"}


def settings_page() -> str:
    """Every setting by section."""
    lines = [TOP]
    for section, entries in groupby(keys(), key=lambda entry: entry[0].rpartition(".")[0]):
        kind: Any = types_of(Settings)[section] if section else Settings
        told, defaults = field_texts(kind), {each.name: each.default for each in fields(kind)}
        about = (kind.__doc__ or "").partition("Raises")[0].removeprefix(f"[{section}]: ")
        lines.append(f"## {f'[{section}]' if section else 'Above the first section'}\n\n{cell(about)}\n")
        lines += ["| setting | default | |", "|---|---|---|"]
        for key, allowed in entries:
            name = key.rpartition(".")[2]
            default = defaults[name]
            shown = "" if default in (None, (), MISSING) else f"`{toml(default)}`"
            text = f"{cell(told[name])}<br>{may_be(allowed)}; `{variable(key)}`"
            lines.append(f"| `{name}` | {shown} | {text} |")
        lines.append("")
    return "\n".join(lines)


def toml(value: object) -> str:
    """A default as it is written."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


def may_be(allowed: Any) -> str:
    """What a setting may be, in a few words."""
    parts = get_args(allowed)
    if get_origin(allowed) is Literal:
        return ", ".join(f"`{toml(part)}`" for part in parts)
    if get_origin(allowed) is tuple:
        return f"several: {may_be(parts[0])}"
    if hasattr(allowed, "__metadata__"):
        (limit,) = allowed.__metadata__
        return cell(str(limit)) if isinstance(limit, Range) else may_be(parts[0])
    if NoneType in parts:
        return may_be(next(part for part in parts if part is not NoneType))
    return PLAIN[allowed]


def field_texts(kind: type) -> dict[str, str]:
    """Field of a record → the text below it."""
    (record,) = ast.parse(inspect.getsource(kind)).body
    body = record.body if isinstance(record, ast.ClassDef) else []
    texts = {}
    for each, below in pairwise(body):
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and isinstance(below, ast.Expr):
            texts[each.target.id] = str(ast.literal_eval(below.value))
    return texts
