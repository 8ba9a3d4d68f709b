"""Teaching kwsd how somebody says a keyword, from the page: takes, what they lead to, and the keyword file with it."""

import io
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
from kwsd.keywords.edit import find_keyword, write_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.tuning.enrol import Enrolment
    from kwsd.tuning.takes import Take

FEWEST, MOST = 3, 5
LONGEST_S = 10.0
FULL_SCALE = 32768.0


class LessonRequest(BaseModel):
    """What is to be learned."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200)]


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
        self._found: Enrolment | None = None

    def model(self) -> "Model":
        """That of the settings, loaded when it is wanted first. Raises ModelError."""
        from kwsd.acoustic.model import Model  # noqa: PLC0415 - the page opens a second sooner without

        with self._loading:
            self._model = self._model or Model.load(self._settings.model)
            return self._model

    def begin(self, asked: LessonRequest) -> dict[str, Any]:
        """A new lesson. Raises KwsdError: nothing that is learned could be written."""
        path = self._editor.path
        with self._alone():
            self._keyword, self._takes, self._found = find_keyword(path, asked.name.strip()), [], None
        return {"name": self._keyword.label, "fewest": FEWEST, "most": MOST, "file": str(path)}

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
        from kwsd.tuning.hear import frames_of_take  # noqa: PLC0415 - likewise

        with self._alone():
            keyword = self._begun()
            if len(self._takes) < FEWEST:
                raise EditError(f"{FEWEST} takes are needed, and there are {len(self._takes)}")
            model, background = self.model(), self.room.background()
            frames = [frames_of_take(model, take) for take in self._takes]
            self._found = found = enrol(model, keyword, frames, background, settings=self._settings.search)
        return {
            "before": sum(found.heard_before),
            "after": sum(found.heard_after),
            "takes": len(found.heard_before),
            "spellings": [each for each in found.after.spellings if each not in found.before.spellings],
            "threshold": found.after.threshold,
            "changed": found.after != found.before,
            "hours": found.hours,
            "per_hour": found.expected_per_hour,
        }

    def keep(self) -> dict[str, Any]:
        """Write it. Raises KwsdError: the keyword file is as it was."""
        with self._alone():
            keyword, found = self._begun(), self._found
            if found is None or found.after == found.before:
                raise EditError("there is nothing new to write")
            changes = {"spellings": found.after.spellings, "threshold": found.after.threshold}
            try:
                write_keywords(self._editor.path, {keyword: changes})
            except OSError as error:
                raise EditError(f"{self._editor.path}: cannot be written: {error.strerror}; it is as it was") from None
            self._found = None
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
        return {"number": number, "refused": None, "level_db": take.level_db, "noise_db": take.noise_db}

    def _begun(self) -> Keyword:
        if self._keyword is None:
            raise EditError("no lesson has begun; say first what is to be learned")
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
