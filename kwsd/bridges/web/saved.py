"""Saved clips and near misses, for whoever judges them on the page. A browser names a number of ours, never a file."""

from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from kwsd.audio.wav import to_pcm, wav_bytes
from kwsd.bridges.web.hub import Hub
from kwsd.config import Settings
from kwsd.errors import KwsdError
from kwsd.events import NearMiss
from kwsd.tuning.marks import Marks
from kwsd.tuning.review import SavedClip, delete_clip, saved_clips, sound_of

MOST_SHOWN = 200


class SavedError(KwsdError):
    """There are no such clips, or nothing can be done to them."""


class VerdictRequest(BaseModel):
    """What somebody says of a clip; null takes it back."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    number: int
    verdict: Literal["right", "wrong", "delete"] | None


class SavedClips:
    """Those of the settings' folder, else of a daemon of our own user. Any thread may call it."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub
        self._shown: dict[int, SavedClip] = {}
        self._numbers = count(1)
        self._one_at_a_time = Lock()

    @property
    def folder(self) -> Path:
        """Where they are. Raises SavedError."""
        configured = self._settings.daemon.save_detections
        folder = configured.expanduser() if configured else self._hub.daemons_folder()
        if folder is None:
            raise SavedError(
                "no clips are saved: start kwsd with --save-detections DIR, and with save_near_misses = true in "
                "config.toml for what it nearly heard"
            )
        return folder

    def list(self) -> dict[str, Any]:
        """The newest, and how many more there are. Raises KwsdError."""
        with self._one_at_a_time:
            folder = self.folder
            marks, clips = Marks(folder), saved_clips(folder)[::-1] if folder.exists() else []
            known = {clip.path: number for number, clip in self._shown.items()}
            self._shown = {known.get(clip.path) or next(self._numbers): clip for clip in clips[:MOST_SHOWN]}
            shown = [told(number, clip, marks) for number, clip in self._shown.items()]
            return {"folder": str(folder), "clips": shown, "more": max(0, len(clips) - MOST_SHOWN)}

    def sound(self, number: int) -> bytes:
        """A clip as a WAV file, whatever the file is. Raises KwsdError."""
        return wav_bytes(to_pcm(sound_of(self._clip(number))))

    def judge(self, asked: VerdictRequest) -> dict[str, Any]:
        """Mark a clip or delete it; on disk when this returns. Raises KwsdError."""
        with self._one_at_a_time:
            clip = self._clip(asked.number)
            marks = Marks(clip.path.parent)
            try:
                if asked.verdict == "delete":
                    delete_clip(clip, marks)
                else:
                    marks.set(clip.path, asked.verdict)
            except OSError as error:
                raise SavedError(f"{clip.path.parent}: cannot be written: {error.strerror}") from None
            return told(asked.number, clip, marks)

    def _clip(self, number: int) -> SavedClip:
        clip = self._shown.get(number)
        if clip is None or not clip.path.exists():
            raise SavedError("that clip is gone")
        return clip


def told(number: int, clip: SavedClip, marks: Marks) -> dict[str, Any]:
    """A clip as the page shows it."""
    facts = {"number": number, "keyword": clip.keyword, NearMiss.type: clip.near_miss}
    return {**facts, "time": time_of(clip), "mark": marks.of(clip.path)}


def time_of(clip: SavedClip) -> str | None:
    """When it was heard, in ISO 8601, as its name says."""
    try:
        return datetime.strptime(clip.path.name.partition("-")[0], "%Y%m%dT%H%M%S.%f%z").isoformat()
    except ValueError:
        return None
