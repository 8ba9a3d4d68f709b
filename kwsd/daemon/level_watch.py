"""How loud it is, for whoever asks; and whether a microphone gives sound: not one value or buffer, nor half of it."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from kwsd.audio.level import SPOKEN_FAINT_DBFS, Advice, LevelMeter, advice, measure_level, rate_advice
from kwsd.audio.repetition import Repetition
from kwsd.audio.sound_rate import SoundRate
from kwsd.daemon.spectrum import BANDS, COLUMN_S, Spectrograph
from kwsd.events import Event, Level, MicLevel, MicSilent, Spectrum
from kwsd.outlets.interface import Publisher
from kwsd.stream import Chunk, Float32
from kwsd.timebase import samples, seconds

LEVEL_SAMPLES = 5120  # 320 ms: what one `level` or `spectrum` event tells of
ADVISED_S = 20.0
FAINT_S = 3600.0  # in a quiet room nothing is for a while, but one word through a good microphone is
WELL_WINDOWS = 9  # 3 min of loud sound without a fault: who speaks up now and then is told once
LOUD_FAULTS = ("clipped", "narrow")
STUCK_S = 10.0  # the same again for so long: no open microphone does that, its own noise is several steps of 16 bits


class LevelWatch:
    """Measures chunks on their way. On the decoding thread."""

    def __init__(self, bus: Publisher, *, is_microphone: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Files and pipes may be as silent as they like, and as fast."""
        self._bus, self._clock = bus, clock
        self._is_microphone = is_microphone
        self._meter = LevelMeter()
        self._peaks_dbfs: deque[float] = deque(maxlen=round(FAINT_S / ADVISED_S))
        self._rate = SoundRate()
        self._advice: Advice | None = None
        self._well_windows = 0
        self._unmeasured: list[Float32] = []
        self._spectrograph = Spectrograph()
        self._repetition = Repetition()

    def push(self, chunk: Chunk, _told: Sequence[Event] = ()) -> Iterator[Event]:
        """The next chunk → what there is to tell of it."""
        sound = chunk.samples
        if not len(sound):
            return
        if self._is_microphone:
            self._rate.push(seconds(chunk.end_sample), self._clock())
            yield from self._watch_repetition(sound, chunk.source)
            yield from self._watch_level(sound, chunk.source)
        if not self._bus.wants(Level.type) and not self._bus.wants(Spectrum.type):
            self._unmeasured.clear()
            return
        self._unmeasured.append(sound)
        if sum(map(len, self._unmeasured)) >= LEVEL_SAMPLES:
            block = np.concatenate(self._unmeasured)
            self._unmeasured.clear()
            level = measure_level(block)
            rms_db, peak_db = round(level.rms_dbfs, 1), round(level.peak_dbfs, 1)
            if self._bus.wants(Spectrum.type):
                picture = self._spectrograph.push(block)
                yield Spectrum(bands=BANDS, column_s=COLUMN_S, picture=picture, rms_db=rms_db, peak_db=peak_db)
            if self._bus.wants(Level.type):
                yield Level(rms_db=rms_db, peak_db=peak_db)

    def _watch_level(self, sound: Float32, source: str) -> Iterator[Event]:
        """What is wrong with it, again and again as for one value; silence does not tell how loud speech would be."""
        self._meter.push(sound)
        if self._meter.samples < samples(ADVISED_S):
            return
        level, self._meter = self._meter.level, LevelMeter()
        if self._repetition.repeated >= samples(STUCK_S):
            return
        self._peaks_dbfs.append(level.peak_dbfs)
        told = rate_advice(self._rate.ratio) if self._rate.is_off else None
        told = told or advice(replace(level, peak_dbfs=max(self._peaks_dbfs)))
        if told:
            self._advice, self._well_windows = told, 0
        elif self._advice:
            self._well_windows += level.peak_dbfs >= SPOKEN_FAINT_DBFS
        over = (
            self._advice and not told and (self._advice.fault not in LOUD_FAULTS or self._well_windows >= WELL_WINDOWS)
        )
        if self._advice and (told or over):
            yield MicLevel(
                active=not over,
                fault=self._advice.fault,
                microphone=source,
                reason=f'"{source}": {"its level is right again" if over else self._advice.text}',
                rms_db=round(level.rms_dbfs, 1),
                peak_db=round(level.peak_dbfs, 1),
                clipped_share=round(level.clipped_share, 4),
            )
        if over:
            self._advice = None

    def _watch_repetition(self, sound: Float32, source: str) -> Iterator[Event]:
        told = self._repetition.repeated // samples(STUCK_S)
        self._repetition.push(sound)
        tell = self._repetition.repeated // samples(STUCK_S)
        if tell > told:  # again and again, should it have been lost and opened meanwhile
            what, remedy = f"nothing but the value {sound[-1]:g}", "is it muted by its switch or in the mixer?"
            if self._repetition.period > 1:
                what = f"the same {seconds(self._repetition.period) * 1000:.0f} ms of sound again and again"
                remedy = "its driver hangs: pull it out and plug it in, or restart the sound server"
            yield MicSilent(
                active=True, microphone=source, reason=f'"{source}" gives {what} for {STUCK_S:.0f} s; {remedy}'
            )
        elif tell < told:
            yield MicSilent(active=False, microphone=source, reason=f'"{source}" gives sound again')
