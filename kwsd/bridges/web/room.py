"""Background for lessons: encoder frames of what the daemon's microphone hears while nobody says the keyword."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from kwsd.errors import KwsdError
from kwsd.homes import user_directory
from kwsd.timebase import SAMPLE_RATE

if TYPE_CHECKING:
    from kwsd.acoustic.model import Model
    from kwsd.stream import Frames
    from kwsd.tuning.enrol import Background
    from kwsd.tuning.kept import KeptFrames


class RoomRequest(BaseModel):
    """For how long is to be listened; 0 ends it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")
    minutes: Annotated[int, Field(ge=0, le=480)]


class RoomSound:
    """What `kwsctl tune --listen` gathered, and more of it by the daemon's microphone. Any thread may call it."""

    def __init__(self, socket: Path, load: Callable[[], Model]) -> None:
        self._socket = socket
        self._load = load
        self._kept: KeptFrames | None = None
        self._one_at_a_time = Lock()
        self._ends = Event()
        self._thread: Thread | None = None
        self._left_s = 0.0
        self._fault: str | None = None

    @property
    def gathers(self) -> bool:
        """Whether it is being listened to: what is said now is no take."""
        return self._thread is not None and self._thread.is_alive()

    def status(self) -> dict[str, Any]:
        """Hours that there are, seconds still to come, and what went wrong. Raises KwsdError."""
        from kwsd.tuning.kept import hours_of  # noqa: PLC0415 - the page opens a second sooner without

        hours = hours_of(self._frames().listened_to())
        return {"hours": hours, "left_s": self._left_s if self.gathers else 0.0, "fault": self._fault}

    def listen(self, asked: RoomRequest) -> dict[str, Any]:
        """Begin to listen, or end it: what came is kept. Raises KwsdError."""
        with self._one_at_a_time:
            self._ends.set()
            if self._thread is not None:
                self._thread.join()
            if asked.minutes:
                self._ends.clear()
                self._left_s, self._fault = asked.minutes * 60.0, None
                self._thread = Thread(target=self._gather, args=(self._frames(),), name="room", daemon=True)
                self._thread.start()
        return self.status()

    def background(self) -> Background | None:
        """What lessons are held against; None where nothing was gathered. Raises KwsdError."""
        from kwsd.tuning.enrol import Background  # noqa: PLC0415 - likewise
        from kwsd.tuning.kept import hours_of  # noqa: PLC0415 - likewise

        pieces = self._frames().listened_to()
        return Background(self._frames().read(pieces), hours_of(pieces)) if pieces else None

    def _frames(self) -> KeptFrames:
        from kwsd.tuning.kept import KeptFrames  # noqa: PLC0415 - likewise

        home = user_directory("state")
        if home is None:
            raise KwsdError("this user has no home to keep background in")
        self._kept = self._kept or KeptFrames(home / "tuning", self._load())
        return self._kept

    def _gather(self, kept: KeptFrames) -> None:
        from kwsd.tuning.record import daemon_frames  # noqa: PLC0415 - likewise

        def until_ended(room: Iterable[Frames]) -> Iterable[Frames]:
            for frames in room:
                yield frames
                if self._ends.is_set():
                    return

        def advance(samples: int) -> None:
            self._left_s = max(0.0, self._left_s - samples / SAMPLE_RATE)

        try:
            room = daemon_frames(self._socket, self._load().encoder, self._left_s)
            for _ in kept.listened(until_ended(room), advance):
                pass
        except (KwsdError, OSError) as error:
            self._fault = str(error)
