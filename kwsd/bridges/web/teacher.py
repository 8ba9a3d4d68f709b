"""Teaching kwsd how somebody says a keyword, from the page: takes, what they lead to, and the keyword file with it."""

import io
import logging
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from kwsd.bridges.web.keyword_editor import EditError, KeywordEditor
from kwsd.bridges.web.room import RoomSound
from kwsd.config import Settings
from kwsd.homes import user_directory
from kwsd.keywords.edit import known_keyword, require_unchanged, write_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE, seconds

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.tuning.enrol import Enrolment
    from kwsd.tuning.kept_takes import KeptTakes
    from kwsd.tuning.takes import Take

logger = logging.getLogger(__name__)

FEWEST, MOST = 3, 5
LONGEST_S = 10.0
FULL_SCALE = 32768.0


class LessonRequest(BaseModel):
    """What is to be learned."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200)]
    anew: bool = False
    """Without the takes of the last hour."""


class Teacher:
    """One lesson at a time, whatever page it is given on. Any thread may call it."""

    def __init__(self, settings: Settings, editor: KeywordEditor, socket: Path) -> None:
        self._settings = settings
        self._editor = editor
        self._socket = socket
        self.room = RoomSound(socket, self.model)
        """What lessons are held against."""
        self._busy = Lock()
        self._loading = Lock()
        self._model: Model | None = None
        self._keyword: Keyword | None = None
        self._takes: list[Take] = []
        self._kept: KeptTakes | None = None
        self._is_new = False  # to the keyword file
        self._found: Enrolment | None = None
        self.share = 0.0
        """Of the background that takes are being held against: how much is done, 0 to 1."""

    def model(self) -> "Model":
        """That of the settings, loaded when it is wanted first. Raises ModelError."""
        from kwsd.acoustic.model import Model  # noqa: PLC0415 - the page opens a second sooner without

        with self._loading:
            self._model = self._model or Model.load(self._settings.model)
            return self._model

    def begin(self, asked: LessonRequest) -> dict[str, Any]:
        """A lesson, with takes that an earlier one or `kwsctl enrol` left. Raises KwsdError: none could be written."""
        from kwsd.tuning.kept_takes import KeptTakes  # noqa: PLC0415 - likewise

        path, home = self._editor.path, user_directory("state")
        with self._alone():
            known = known_keyword(path, asked.name.strip())
            self._keyword, self._is_new, self._found = known or Keyword(asked.name.strip()), known is None, None
            self._kept = KeptTakes(home / "tuning", asked.name.strip()) if home else None
            if self._kept and asked.anew:
                self._kept.forget()
            self._takes = list(self._kept.read())[:MOST] if self._kept else []
        takes = [{"number": n, "level_db": t.level_db, "noise_db": t.noise_db} for n, t in enumerate(self._takes, 1)]
        return {"name": self._keyword.label, "fewest": FEWEST, "most": MOST, "file": str(path), "takes": takes}

    def take(self, wav: bytes) -> dict[str, Any]:
        """What a page recorded. Raises EditError: it is not what pages send."""
        with self._alone():
            return self._judge(samples_of(wav))

    def listen(self) -> dict[str, Any]:
        """Three seconds of the daemon's own microphone, from now on. Raises KwsdError."""
        from kwsd.tuning.record import record_take  # noqa: PLC0415 - likewise

        with self._alone():
            return self._judge(record_take(self._socket, lambda _: None))

    def learn(self) -> dict[str, Any]:
        """What the takes lead to. Raises KwsdError."""
        from kwsd.tuning.enrol import enrol  # noqa: PLC0415 - likewise
        from kwsd.tuning.hear import SECONDS_PER_HOUR, frames_of_take  # noqa: PLC0415 - likewise

        def done(samples: int) -> None:
            self.share += seconds(samples) / SECONDS_PER_HOUR / background.hours if background else 0.0

        with self._alone():
            keyword = self._begun()
            if len(self._takes) < FEWEST:
                raise EditError(f"{FEWEST} takes are needed, and there are {len(self._takes)}")
            model, background = self.model(), self.room.background()
            frames = [frames_of_take(model, take) for take in self._takes]
            self.share = 0.0
            self._found = found = enrol(model, keyword, frames, background, settings=self._settings.search, done=done)
        return {
            "before": sum(found.heard_before),
            "after": sum(found.heard_after),
            "takes": len(found.heard_before),
            "spellings": [each for each in found.after.spellings if each not in found.before.spellings],
            "threshold": found.after.threshold,
            "changed": bool(found.changes),
            "worth_writing": found.is_worth_writing(new=self._is_new),
            "hours": found.hours,
            "per_hour": found.expected_per_hour,
        }

    def keep(self) -> dict[str, Any]:
        """Write it. Raises KwsdError: the keyword file is as it was."""
        with self._alone():
            keyword, found = self._begun(), self._found
            if found is None or not found.is_worth_writing(new=self._is_new):
                raise EditError("there is nothing new to write")
            require_unchanged(self._editor.path, keyword.label, None if self._is_new else keyword)
            try:
                write_keywords(self._editor.path, {keyword: found.changes})
            except OSError as error:
                raise EditError(f"{self._editor.path}: cannot be written: {error.strerror}; it is as it was") from None
            self._found = None
            if self._kept:
                self._kept.forget()
        return {}

    def _judge(self, sound: Float32) -> dict[str, Any]:
        from kwsd.tuning.takes import TakeError, trim_take  # noqa: PLC0415 - likewise

        self._begun()
        if self.room.gathers:
            raise EditError("the room is listened to for what is not the keyword; stop that first")
        if len(self._takes) >= MOST:
            raise EditError(f"{MOST} takes are enough")
        number = len(self._takes) + 1
        try:
            take = trim_take(f"take {number}", sound)
        except TakeError as error:
            return {"number": number, "refused": str(error)}
        self._takes.append(take)
        if self._kept is not None:
            try:
                self._kept.add(sound)
            except OSError as error:
                logger.warning("%s: a take cannot be kept beyond this run: %s", self._kept.folder, error.strerror)
        return {"number": number, "refused": None, "level_db": take.level_db, "noise_db": take.noise_db}

    def _begun(self) -> Keyword:
        if self._keyword is None:
            raise EditError(
                "no lesson has begun; say what is to be learned, and takes of the last hour are there again"
            )
        return self._keyword

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises EditError at once where another page has its turn."""
        if not self._busy.acquire(blocking=False):
            raise EditError("another page is at it: wait a moment")
        try:
            yield
        finally:
            self._busy.release()


def samples_of(wav: bytes) -> Float32:
    """Samples (n,) of a recording as pages send them: WAV, 16 bit, mono, 16 kHz. Raises EditError."""
    try:
        with wave.open(io.BytesIO(wav)) as file:
            kind = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            pcm = file.readframes(round(LONGEST_S * SAMPLE_RATE))
    except (wave.Error, EOFError):
        raise EditError("that is no WAV file") from None
    if kind != (1, 2, SAMPLE_RATE):
        raise EditError(f"a take is WAV of 16 bits, mono, {SAMPLE_RATE} Hz")
    return np.asarray(np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2") / FULL_SCALE, np.float32)
