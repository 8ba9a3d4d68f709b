"""How loud sound is, for `kwsctl check`: is the microphone muted, faint or overdriven?"""

import math
from dataclasses import dataclass

import numpy as np

from kwsd.audio.source import Samples

FLOOR_DBFS = -120.0  # below the noise of any converter: digital silence is reported as this, not as -infinity
POWER_AT_FULL_SCALE_DB = -13.0  # the median over the loud 10 ms of models/demo.wav
DB_PER_NAT = 10 / math.log(10)
FULL_SCALE = 0.999  # the largest 16-bit sample is 0.99997; drivers that resample land just below it


CLIPPED_SHARE = 0.01  # with 8 % clipped, 3 of 23 wake words are missed that are heard otherwise; with 24 %, 14
QUIET_DBFS = -50.0  # peak; as many are heard as at full scale, 10 dB below that 4 of 23 are missed


@dataclass(frozen=True, slots=True)
class Loudness:
    """Of some sound."""

    rms_dbfs: float
    """Root mean square without its DC offset; a full-scale sine has -3.0."""
    peak_dbfs: float
    """Of the largest sample; 0 is full scale."""
    clipped_share: float
    """Share of samples at full scale, 0 to 1."""


def advice(level: Loudness) -> str:
    """What to do about sound that is silent, very quiet or clipped; empty where it is neither."""
    if level.clipped_share > CLIPPED_SHARE:
        share, peak = f"{level.clipped_share:.1%}", f"peak {level.peak_dbfs:.0f} dBFS"
        return f"{share} of it is clipped ({peak}): lower the gain (alsamixer, F4)"
    if level.rms_dbfs <= FLOOR_DBFS:
        return "it is digital silence (-120 dBFS): is the microphone muted, or its gain at zero (alsamixer, F4)?"
    if level.peak_dbfs < QUIET_DBFS:
        return f"it is as good as silent (peak {level.peak_dbfs:.0f} dBFS): raise the gain (alsamixer, F4)"
    return ""


class LevelMeter:
    """The level of sound that comes in pieces."""

    def __init__(self) -> None:
        self.samples = 0
        """How many were measured."""
        self._sum = self._squares = self._peak = 0.0
        self._clipped = 0

    def push(self, sound: Samples) -> None:
        """The next (n,)."""
        if len(sound):
            magnitude = np.abs(sound)
            self.samples += len(sound)
            self._sum += float(sound.sum(dtype=np.float64))
            self._squares += float(np.square(sound, dtype=np.float64).sum())
            self._peak = max(self._peak, float(magnitude.max()))
            self._clipped += int(np.count_nonzero(magnitude >= FULL_SCALE))

    @property
    def level(self) -> Loudness:
        """Of all of it."""
        count = max(1, self.samples)
        variance = max(0.0, self._squares / count - (self._sum / count) ** 2)
        return Loudness(_dbfs(math.sqrt(variance)), _dbfs(self._peak), self._clipped / count)


def measure_level(samples: Samples) -> Loudness:
    """Level of samples (n,); no samples are silence."""
    if samples.size == 0:
        return Loudness(FLOOR_DBFS, FLOOR_DBFS, 0.0)
    magnitude = np.abs(samples)
    return Loudness(
        rms_dbfs=_dbfs(float(np.std(samples, dtype=np.float64))),
        peak_dbfs=_dbfs(float(magnitude.max())),
        clipped_share=float(np.mean(magnitude >= FULL_SCALE)),
    )


def power_dbfs(power_nats: float) -> float:
    """`Frames.power` → about the RMS in dB of full scale, to a tenth.

    About: the power is that of the model's filters, in which hiss counts 16 dB more than in an RMS, a hum less.
    """
    return round(POWER_AT_FULL_SCALE_DB + power_nats * DB_PER_NAT, 1)


def _dbfs(amplitude: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(amplitude)) if amplitude > 0 else FLOOR_DBFS
