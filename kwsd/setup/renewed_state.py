"""What a daemon of another version keeps, in today's form."""

import json
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError, reason
from kwsd.keywords.keyword import Keyword
from kwsd.small_files import parse_json, read_small, write_private


def renew_state(path: Path) -> Sequence[str]:
    """Write it so that this version reads it; what has no place in it is left out, and given, a line each."""
    try:
        found: dict[str, Any] = parse_json(read_small(path))
        asked = found.get("keywords")
        known = {each.name for each in fields(Keyword)}
        keywords = [{name: value for name, value in each.items() if name in known} for each in asked or ()]
        base = {"muted": False, "thresholds": {}, "file_digest": ""}
        today = base | {name: found[name] for name in base if name in found}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return [f"{path}: cannot be read ({reason(error)}): mute, and what programs set, begin anew"]
    kept, told = [], []
    for each in keywords:
        try:
            kept.append(
                each | {"spellings": Keyword(**{**each, "spellings": tuple(each.get("spellings", ()))}).spellings}
            )
        except (KwsdError, TypeError) as error:
            told.append(f"{path}: keyword {each.get('phrase')!r} is left out: {error}")
    text = json.dumps(today | {"keywords": None if asked is None else kept})
    if parse_json(text) != found:
        write_private(path, text)
    return told
