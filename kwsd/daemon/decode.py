"""The decoding thread: the straight line from sound to events."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kwsd.audio.level import measure_level
from kwsd.audio.source import Samples
from kwsd.daemon.engine import Engine
from kwsd.daemon.inbox import AudioQueue, Turn
from kwsd.daemon.reporter import Reporter
from kwsd.daemon.watchdog import Health
from kwsd.events import Detection, Level
from kwsd.outlets.bus import Bus
from kwsd.outlets.recent_audio import Ring
from kwsd.timebase import seconds

LEVEL_SAMPLES = 5120  # 320 ms: what one `level` event tells of


class Decoding:
    """What the decoding thread does; `run` is the thread."""

    def __init__(
        self,
        queue: AudioQueue,
        engine: Engine,
        bus: Bus,
        reporter: Reporter,
        health: Health,
        *,
        ring: Ring | None,
        between_chunks: Callable[[], None],
    ) -> None:
        """`between_chunks` is called where keywords may change; `ring`, if there is one, keeps the newest sound."""
        self._queue = queue
        self._engine = engine
        self._bus = bus
        self._reporter = reporter
        self._health = health
        self._ring = ring
        self._between_chunks = between_chunks
        self._unmeasured: list[Samples] = []

    def run(self) -> None:
        """Decode until the queue ends."""
        for turn in self._queue:
            self._between_chunks()
            self._skip(turn.lost_samples)
            self._keep(turn.samples)
            for hit in self._engine.accept(turn.samples):
                self._publish(hit)
            self._account(turn)
        for hit in self._engine.finish():
            self._publish(hit)

    def _skip(self, lost_samples: int) -> None:
        if lost_samples == 0:
            return
        for hit in self._engine.skip(lost_samples):
            self._publish(hit)
        if self._ring is not None:
            self._ring.skip(lost_samples)
        self._reporter.lost(lost_samples)

    def _keep(self, sound: Samples) -> None:
        if self._ring is not None:
            self._ring.append(sound)
        if "level" in self._bus.wanted:
            self._measure(sound)

    def _measure(self, sound: Samples) -> None:
        self._unmeasured.append(sound)
        if sum(map(len, self._unmeasured)) >= LEVEL_SAMPLES:
            level = measure_level(np.concatenate(self._unmeasured))
            self._unmeasured.clear()
            self._bus.publish(Level(rms_db=round(level.rms_dbfs, 1), peak_db=round(level.peak_dbfs, 1)))

    def _publish(self, hit: Detection) -> None:
        standing = self._reporter.standing
        standing.detections += 1
        self._bus.publish(replace(hit, id=standing.detections))

    def _account(self, turn: Turn) -> None:
        self._reporter.standing.position_s = seconds(self._engine.position_samples)
        if len(turn.samples) and not turn.lost_samples:
            self._reporter.kept_up()
        if turn.is_progress:
            self._health.progress()
