"""Runs one or both engines on the same sound, with the face of a `Spotter`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from kwsd.audio.source import Samples
from kwsd.commands12.stream import CommandSpotter
from kwsd.commands12.vocabulary import normal
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.merge import Arbiter
from kwsd.spotters.model_retry import Revival
from kwsd.spotters.realtime import Pace, Turn
from kwsd.spotters.seat import OpenSpotter, Seat, is_compiled, without_graph
from kwsd.timebase import seconds

logger = logging.getLogger(__name__)

TOO_SLOW = "the open-vocabulary model is slower than the sound: only the fixed commands are heard"
NO_MODEL = "the open-vocabulary model cannot be loaded: only the fixed commands are heard"
BACK = "the open-vocabulary model hears again"


def log_degraded(active: bool, reason: str) -> None:
    """Say it in the log, where nobody else is told."""
    logger.log(logging.WARNING if active else logging.INFO, "%s", reason)


class Listener:
    """Two engines, one stream. Not thread-safe, but for `compile`: one thread at a time calls it.

    `alongside` runs both and joins what they hear. Otherwise the fixed set is a stand-in: it runs only while there is
    no open-vocabulary engine, while that one is too slow, and while it is being tried again.
    """

    def __init__(
        self,
        commands: CommandSpotter,
        spotter: OpenSpotter | None,
        keywords: Sequence[Keyword] = (),
        *,
        alongside: bool = False,
        revival: Revival | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`revival` loads the open-vocabulary engine when it could not be loaded before; `clock` gives seconds."""
        self._commands, self._fixed_seat = commands, Seat(commands)
        self._spotter, self._open_seat = spotter, Seat(spotter) if spotter else None
        self._alongside, self._revival, self._clock = alongside, revival, clock
        self.on_degraded: Callable[[bool, str], None] = log_degraded
        """Told when the fixed set takes over (True) and when it hands back (False), and why."""
        self.on_loaded: Callable[[OpenSpotter], None] = lambda _: None
        """Told of an open-vocabulary engine that could be loaded after all."""
        self._is_degraded = False
        self._keywords = tuple(keywords)
        self._commands.set_keywords(keywords)
        self._start()

    @property
    def position_samples(self) -> int:
        """The stream's clock: samples accepted and skipped."""
        return self._position

    @property
    def bad_chunks(self) -> int:
        """Chunks that came to nothing usable, of both engines."""
        return self._commands.bad_chunks + (self._spotter.bad_chunks if self._spotter else 0)

    @property
    def spotter(self) -> OpenSpotter | None:
        """The open-vocabulary engine, while there is one."""
        return self._spotter

    @property
    def keywords(self) -> tuple[Keyword, ...]:
        """Those being listened for."""
        return self._keywords

    def accept(self, samples: Samples) -> list[Detection]:
        """The next sound → what is heard in it, in the order decided.

        Raises:
            ValueError: not one-dimensional floating-point samples.
        """
        self._revive()
        heard = [*self._open(samples), *self._fixed(samples)]
        self._position += len(samples)
        return self._arbiter.take(heard, seconds(self._position))

    def finish(self) -> list[Detection]:
        """The sound has ended: what its last words complete. `reset()` before any more sound."""
        heard = self._open_seat.finish() if self._open_seat and not self._pace.paused else []
        heard += self._fixed_seat.finish() if self._is_standing_in else []
        return self._arbiter.take(heard, seconds(self._position)) + self._arbiter.flush()

    def skip(self, lost_samples: int) -> list[Detection]:
        """Sound is missing here: what was said just before it."""
        heard: list[Detection] = []
        for seat, listens in ((self._open_seat, not self._pace.paused), (self._fixed_seat, self._is_standing_in)):
            if seat and listens:
                heard += seat.engine.skip(lost_samples)
            elif seat:
                seat.sit_out(lost_samples)
        self._position += lost_samples
        return self._arbiter.take(heard, seconds(self._position)) + self._arbiter.flush()

    def reset(self) -> None:
        """Start a new stream at 0 s with the same keywords."""
        for seat in (self._open_seat, self._fixed_seat):
            if seat:
                seat.reset()
        self._start()

    def compile(self, keywords: Sequence[Keyword]) -> CompiledKeywords:
        """The slow part of `set_keywords`, which another thread may do beforehand. Raises ConfigError."""
        return self._spotter.compile(keywords) if self._spotter else without_graph(keywords)

    def set_keywords(self, keywords: CompiledKeywords) -> None:
        """Listen for other keywords from the next chunk on; thresholds of the fixed words are taken from them too."""
        self._keywords = keywords.keywords
        self._commands.set_keywords(self._keywords)
        if self._spotter:
            self._spotter.set_keywords(keywords if is_compiled(keywords) else self._spotter.compile(keywords.keywords))
        self._share()

    def _start(self) -> None:
        self._position = 0
        self._pace = Pace()
        self._arbiter = Arbiter()
        self._share()

    @property
    def _is_standing_in(self) -> bool:
        """Whether the fixed set listens."""
        return self._alongside or self._spotter is None or self._pace.paused or self._pace.on_trial

    def _share(self) -> None:
        """Words of both lists wait for each other only while both engines listen."""
        both = self._spotter is not None and not self._pace.paused and self._is_standing_in
        phrases = {normal(keyword.phrase) for keyword in self._keywords}
        self._arbiter.share(phrases & set(self._commands.words) if both else ())

    def _open(self, samples: Samples) -> list[Detection]:
        """The open-vocabulary engine, unless it is absent or paused."""
        if self._open_seat is None:
            return []
        if self._pace.paused:
            self._open_seat.sit_out(len(samples))
            self._pace.rested(seconds(len(samples)))
            self._share()
            return []
        began = self._clock()
        heard = self._open_seat.hear(samples)
        if not self._alongside:
            self._judge(seconds(len(samples)), self._clock() - began)
        return heard

    def _judge(self, sound_s: float, work_s: float) -> None:
        turn = self._pace.worked(sound_s, work_s)
        if turn is Turn.TAKE_OVER:
            self._tell(True, TOO_SLOW)
        elif turn is Turn.HAND_BACK:
            self._tell(False, BACK)
        self._share()

    def _fixed(self, samples: Samples) -> list[Detection]:
        """The fixed set, while it listens."""
        if self._is_standing_in:
            return self._fixed_seat.hear(samples)
        self._fixed_seat.sit_out(len(samples))
        return []

    def _revive(self) -> None:
        """Take the open-vocabulary engine once it can be loaded after all."""
        if self._spotter is not None or self._revival is None:
            return
        self._tell(True, NO_MODEL)
        spotter = self._revival.poll(seconds(self._position), self._keywords)
        if spotter is None:
            return
        self._spotter, self._open_seat = spotter, Seat(spotter)
        self._open_seat.sit_out(self._position)
        self._keywords = spotter.keywords
        self._share()
        self.on_loaded(spotter)
        self._tell(False, BACK)

    def _tell(self, active: bool, reason: str) -> None:
        if active != self._is_degraded:
            self._is_degraded = active
            self.on_degraded(active, reason)
