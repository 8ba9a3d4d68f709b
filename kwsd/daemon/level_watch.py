"""How loud it is, for whoever asks; and whether a microphone gives anything but one value for ever."""

import logging
from collections.abc import Iterator

import numpy as np

from kwsd.audio.level import LevelMeter, advice, measure_level
from kwsd.daemon.spectrum import Spectrograph
from kwsd.events import Event, Level, MicSilent, Spectrum
from kwsd.outlets.bus import Bus
from kwsd.stream import Chunk, Float32
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

LEVEL_SAMPLES = 5120  # 320 ms: what one `level` or `spectrum` event tells of
ADVISED_S = 60.0
FLAT_S = 10.0  # the same value for so long: no open microphone does that, its own noise is several steps of 16 bits


class LevelWatch:
    """Measures chunks on their way. On the decoding thread."""

    def __init__(self, bus: Bus, *, is_microphone: bool) -> None:
        """Files and pipes may be as silent as they like."""
        self._bus = bus
        self._is_microphone = is_microphone
        self._meter, self._advised = LevelMeter(), False
        self._unmeasured: list[Float32] = []
        self._spectrograph = Spectrograph()
        self._flat_samples = 0
        self._flat_value = np.float32(0.0)

    def push(self, chunk: Chunk) -> Iterator[Event]:
        """The next chunk → what there is to tell of it."""
        sound = chunk.samples
        if not len(sound):
            return
        if self._is_microphone:
            yield from self._watch_flatness(sound, chunk.source)
            self._advise(sound, chunk.source)
        if not self._bus.wants(Level.type) and not self._bus.wants(Spectrum.type):
            self._unmeasured.clear()
            return
        self._unmeasured.append(sound)
        if sum(map(len, self._unmeasured)) >= LEVEL_SAMPLES:
            block = np.concatenate(self._unmeasured)
            self._unmeasured.clear()
            level = measure_level(block)
            if self._bus.wants(Spectrum.type):
                yield self._spectrograph.push(block)
            yield Level(rms_db=round(level.rms_dbfs, 1), peak_db=round(level.peak_dbfs, 1))

    def _advise(self, sound: Float32, source: str) -> None:
        """Log what is wrong with the level of the last minute, once until it is right again."""
        self._meter.push(sound)
        if self._meter.samples >= samples(ADVISED_S):
            what = advice(self._meter.level)
            if what and not self._advised and self._flat_samples < samples(FLAT_S):
                logger.warning('"%s" in the last minute: %s', source, what)
            self._advised = bool(what)
            self._meter = LevelMeter()

    def _watch_flatness(self, sound: Float32, source: str) -> Iterator[Event]:
        told = self._flat_samples // samples(FLAT_S)
        if sound[0] == self._flat_value and (sound == self._flat_value).all():
            self._flat_samples += len(sound)
        else:
            self._flat_samples, self._flat_value = 0, sound[-1]
        tell = self._flat_samples // samples(FLAT_S)
        if tell > told:  # again and again, should it have been lost and opened meanwhile
            what = f"nothing but the value {self._flat_value:g} for {FLAT_S:.0f} s"
            remedy = "is it muted by its switch or in the mixer?"
            yield MicSilent(active=True, microphone=source, reason=f'"{source}" gives {what}; {remedy}')
        elif tell < told:
            yield MicSilent(active=False, microphone=source, reason=f'"{source}" gives sound again')
