"""Hits kept on disk between runs, and what tells one way to hear from another: a run that was interrupted goes on."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from measure.paths import ROOT

HEARING_FILES = {".py", ".toml", ".txt"}

Kind = TypeVar("Kind")


def keep(file: Path, hits: Sequence[Any]) -> None:
    """Write records, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps([asdict(hit) for hit in hits]))
    part.replace(file)


def recall(file: Path, kind: type[Kind]) -> list[Kind]:
    """Records of that kind, kept before."""
    return [kind(**record) for record in json.loads(file.read_text())]


@cache
def code_digest(*places: str) -> str:
    """Of these folders and files of kwsd, or of all of it: whatever changes in them is another way to hear."""
    digest = sha256()
    for place in (ROOT / "kwsd" / name for name in places or ("",)):
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for path in files:
            if path.suffix in HEARING_FILES:
                digest.update(path.read_bytes())
    return digest.hexdigest()
