"""How loud sound is, and what to do about it: muted, faint, overdriven, or of a telephone's band?"""

import math
from typing import NamedTuple

import numpy as np

from kwsd.audio.source import Samples
from kwsd.events import LevelFault
from kwsd.quick_dataclass import dataclass
from kwsd.units import DB_PER_NAT

FLOOR_DBFS = -120.0  # below the noise of any converter: digital silence is reported as this, not as -infinity
POWER_AT_FULL_SCALE_DB = -13.0  # the median over the loud 10 ms of models/demo.wav
FULL_SCALE = 0.999  # the largest 16-bit sample is 0.99997; drivers that resample land just below it


CLIPPED_SHARE = 0.01  # with 8 % clipped, 3 of 23 wake words are missed that are heard otherwise; with 24 %, 14
QUIET_DBFS = -50.0  # peak; as many are heard as at full scale, 10 dB below that 4 of 23 are missed

# Where somebody was asked to speak just now, the same is noticed earlier.
SPOKEN_CLIPPED_SHARE = 0.001
SPOKEN_SILENT_DBFS = -60.0  # a room at night through a working microphone is above this
SPOKEN_FAINT_DBFS = -30.0  # peak of speech that the model was not trained on

WINDOW = np.hanning(512).astype(np.float32)
LOOKED_AT = 5  # of so many blocks one: 8 µs for 40 ms
LEAST_BLOCKS = 10  # a vowel alone has nothing above 4 kHz either
LOWER_BINS, UPPER_BINS = slice(10, 120), slice(140, 240)  # of 31 Hz: 0.3 to 3.7 kHz, and 4.4 to 7.5
# Of upper to lower power. 780 recordings of 13 corpora have 1.5e-5 or more (median 7e-3 to 6e-2); through 8 kHz and
# back, in 16 bits, 776 of them have less than 1e-6 (median 2e-8), and the other four, which are faint, up to 6e-6.
NARROW_SHARE = 1e-6
NARROW = (
    "there is nothing above 4 kHz in it, as from a telephone or headset of 8 kHz: a third of what is said may be "
    "missed; use another microphone, or wideband speech (mSBC)"
)


@dataclass(frozen=True, slots=True)
class Loudness:
    """Of some sound."""

    rms_dbfs: float
    """Root mean square without its DC offset; a full-scale sine has -3.0."""
    peak_dbfs: float
    """Of the sample that is furthest from the DC offset; 0 is full scale."""
    clipped_share: float
    """Share of samples at full scale, 0 to 1."""
    narrow: bool = False
    """Whether only the lower half of the band has sound."""


class Advice(NamedTuple):
    """What is wrong with the level of sound, and what to do about it."""

    fault: LevelFault
    text: str
    """With the measured level."""


def advice(level: Loudness, *, spoken: bool = False) -> Advice | None:
    """What to do about sound that is clipped, silent, faint or narrow; None where it is none of it.

    `spoken`: somebody was asked to speak, so that less of it is worth a word.
    """
    muted = "is the microphone muted, or its gain at zero (alsamixer, F4)?"
    peak = f"peak {level.peak_dbfs:.0f} dBFS"
    if level.clipped_share > (SPOKEN_CLIPPED_SHARE if spoken else CLIPPED_SHARE):
        share = f"{level.clipped_share:.1%}"
        return Advice("clipped", f"{share} of it is clipped ({peak}): lower the gain (alsamixer, F4)")
    if level.rms_dbfs <= FLOOR_DBFS:
        return Advice("faint", f"it is digital silence (-120 dBFS): {muted}")
    if spoken and level.rms_dbfs < SPOKEN_SILENT_DBFS:
        return Advice("faint", f"it is as good as silent ({level.rms_dbfs:.0f} dBFS): {muted}")
    if level.peak_dbfs < QUIET_DBFS:
        return Advice("faint", f"it is as good as silent ({peak}): raise the gain (alsamixer, F4)")
    if spoken and level.peak_dbfs < SPOKEN_FAINT_DBFS:
        return Advice("faint", f"it is faint ({peak}): raise the gain (alsamixer, F4) or come nearer")
    return Advice("narrow", NARROW) if level.narrow else None


def rate_advice(ratio: float) -> Advice:
    """What to do about a microphone that gives this many seconds of sound in a second."""
    if ratio < 1:
        told = f"only {ratio:.0%} of the sound comes, for two minutes: it is lost on its way, and words with it"
        return Advice("slow", f"{told}; try another USB port, without a hub, or a stronger power supply")
    told = f"{ratio:.2f} s of sound come in a second, for two minutes: its rate is not what its driver says"
    return Advice("fast", f"{told}; try another name of it in --list-devices, or another driver")


class LevelMeter:
    """The level of sound that comes in pieces."""

    def __init__(self) -> None:
        self.samples = 0
        """How many were measured."""
        self._sum = self._squares = 0.0
        self._highest, self._lowest = -math.inf, math.inf
        self._clipped = 0
        self._blocks = 0
        self._lower = self._upper = 0.0

    def push(self, sound: Samples) -> None:
        """The next (n,)."""
        if len(sound):
            wide = sound.astype(np.float64)
            self.samples += len(sound)
            self._sum += float(wide.sum())
            self._squares += float(wide @ wide)
            highest, lowest = float(sound.max()), float(sound.min())
            self._highest, self._lowest = max(self._highest, highest), min(self._lowest, lowest)
            if max(highest, -lowest) >= FULL_SCALE:
                self._clipped += int(np.count_nonzero(np.abs(sound) >= FULL_SCALE))
            blocks = sound[: len(sound) // len(WINDOW) * len(WINDOW)].reshape(-1, len(WINDOW))
            looked_at = blocks[-self._blocks % LOOKED_AT :: LOOKED_AT]
            self._blocks += len(blocks)
            powers = np.square(np.abs(np.fft.rfft(looked_at * WINDOW))).sum(axis=0)
            self._lower += float(powers[LOWER_BINS].sum())
            self._upper += float(powers[UPPER_BINS].sum())

    @property
    def level(self) -> Loudness:
        """Of all of it."""
        count = max(1, self.samples)
        offset = self._sum / count
        variance = max(0.0, self._squares / count - offset**2)
        peak = max(0.0, self._highest - offset, offset - self._lowest)
        enough = self._blocks >= LEAST_BLOCKS * LOOKED_AT
        narrow = enough and self._upper < NARROW_SHARE * self._lower
        return Loudness(_dbfs(math.sqrt(variance)), _dbfs(peak), self._clipped / count, narrow)


def measure_level(samples: Samples) -> Loudness:
    """Level of samples (n,); no samples are silence."""
    meter = LevelMeter()
    meter.push(samples)
    return meter.level


def power_dbfs(power_nats: float) -> float:
    """`Frames.power` → about the RMS in dB of full scale, to a tenth.

    About: the power is that of the model's filters, in which hiss counts 16 dB more than in an RMS, a hum less.
    """
    return round(POWER_AT_FULL_SCALE_DB + power_nats * DB_PER_NAT, 1)


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
