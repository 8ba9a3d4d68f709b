"""How loud sound is, for `kwsctl check`: is the microphone muted, faint or overdriven?"""

import math
from dataclasses import dataclass

import numpy as np

from kwsd.audio.source import Samples

FLOOR_DBFS = -120.0  # below the noise of any converter: digital silence is reported as this, not as -infinity
POWER_AT_FULL_SCALE_DB = -13.0  # the median over the loud 10 ms of models/demo.wav
DB_PER_NAT = 10 / math.log(10)
FULL_SCALE = 0.999  # the largest 16-bit sample is 0.99997; drivers that resample land just below it


@dataclass(frozen=True, slots=True)
class Loudness:
    """Of some sound."""

    rms_dbfs: float
    """Root mean square without its DC offset; a full-scale sine has -3.0."""
    peak_dbfs: float
    """Of the largest sample; 0 is full scale."""
    clipped_share: float
    """Share of samples at full scale, 0 to 1."""


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
