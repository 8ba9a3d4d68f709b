"""What a daemon of another version keeps, in today's form."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from kwsd.keywords.keyword import Keyword
from kwsd.small_files import read_small


def renew_state(path: Path) -> Sequence[str]:
    """Write it so that this version reads it; what has no place in it is left out, and given, a line each."""
    try:
        found: dict[str, Any] = json.loads(read_small(path))
        asked = found.get("keywords")
        known = {each.name for each in fields(Keyword)}
        keywords = [{name: value for name, value in each.items() if name in known} for each in asked or ()]
        base = {"muted": False, "thresholds": {}, "file_digest": ""}
        today = base | {name: found[name] for name in base if name in found}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return [f"{path}: cannot be read ({error}): mute, and what programs set, begin anew"]
    kept, told = [], []
    for each in keywords:
        try:
            kept.append(
                each | {"spellings": Keyword(**{**each, "spellings": tuple(each.get("spellings", ()))}).spellings}
            )
        except (KwsdError, TypeError) as error:
            told.append(f"{path}: keyword {each.get('phrase')!r} is left out: {error}")
    text = json.dumps(today | {"keywords": None if asked is None else kept})
    if json.loads(text) != found:
        new = path.with_name(f".{path.name}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    return told
