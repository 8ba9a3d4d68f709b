"""What somebody said of saved clips: whether the keyword was said in them. Kept beside them, whole at any moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from kwsd.errors import KwsdError, reason
from kwsd.small_files import parse_json, read_small, write_private

Mark = Literal["right", "wrong"]
FILE = ".marks.json"


class Marks:
    """Of one folder of clips; a file without marks is one with none. Private: mode 0600."""

    def __init__(self, folder: Path) -> None:
        """Raises KwsdError: there are marks and they cannot be read."""
        self._folder = folder
        self._marks = read_marks(folder / FILE)

    def of(self, clip: Path) -> Mark | None:
        """What was said of a clip of the folder."""
        return self._marks.get(clip.name) if clip.parent == self._folder else None

    def set(self, clip: Path, mark: Mark | None) -> None:
        """Say it, or take it back; on disk when this returns. Clips that are gone are forgotten.

        Raises:
            OSError: it cannot be written; what was known before is.
            KwsdError: what others marked meanwhile cannot be read.
        """
        known_now = read_marks(self._folder / FILE)
        marks = {name: known for name, known in known_now.items() if (self._folder / name).exists()}
        marks.pop(clip.name, None)
        if mark is not None:
            marks[clip.name] = mark
        write_private(self._folder / FILE, json.dumps(marks, ensure_ascii=False, indent=0))
        self._marks = marks


def read_marks(path: Path) -> dict[str, Mark]:
    """All that are known, by the names of clips. Raises KwsdError: there are some and they cannot be read."""
    try:
        found = parse_json(read_small(path))
        return {str(name): mark for name, mark in found.items() if mark in ("right", "wrong")}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise KwsdError(f"{path}: cannot be read ({reason(error)}); delete it to judge the clips anew") from error
