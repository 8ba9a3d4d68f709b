"""Saved clips, for whoever judges them: what there is, how it sounds, and away with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from kwsd.audio.file import FileSource
from kwsd.errors import KwsdError
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Float32
from kwsd.tuning.marks import Marks

_NAME = re.compile(r"[^-]+-(m?)\d+-(.+)\.wav")


@dataclass(frozen=True, slots=True)
class SavedClip:
    """A file that the daemon wrote."""

    path: Path
    keyword: str
    """As the file name writes it."""
    near_miss: bool


def saved_clips(folder: Path) -> list[SavedClip]:
    """All of a folder, the oldest first. Raises KwsdError: it cannot be read."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".wav")
    except OSError as error:
        raise KwsdError(f"{folder}: cannot be read: {error.strerror}") from error
    found = ((name, _NAME.fullmatch(name)) for name in names)
    return [SavedClip(folder / name, match[2], bool(match[1])) for name, match in found if match]


def sound_of(clip: SavedClip) -> Float32:
    """Its samples (n,), 16 kHz. Raises AudioError."""
    source = FileSource(clip.path)
    try:
        return np.concatenate([chunk.samples for chunk in source] or [np.zeros(0, np.float32)])
    finally:
        source.close()


def delete_clip(clip: SavedClip, marks: Marks) -> None:
    """The file goes, and what was said of it. Raises OSError."""
    clip.path.unlink(missing_ok=True)
    marks.set(clip.path, None)
