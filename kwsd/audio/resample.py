"""Sound at any rate → 16 kHz, as it streams. The only importer of soxr."""

import numpy as np

from kwsd.audio.source import Samples
from kwsd.timebase import SAMPLE_RATE

# Measured at 48 kHz → 16 kHz: aliases below -130 dB, flat to 7.4 kHz, 21 ms of delay and 1.1 CPU s per hour of sound.
# MQ costs and delays the same and aliases more; VHQ doubles the delay; LQ loses 13 dB at 7 kHz; QQ does not filter.
QUALITY = "HQ"


class Resampler:
    """Mono float32 in, 16 kHz out. The output is the same however the input is split; at 16 kHz it is the input."""

    def __init__(self, rate_hz: int) -> None:
        self._identity = rate_hz == SAMPLE_RATE
        if not self._identity:
            import soxr  # noqa: PLC0415 - half a megabyte that sound at 16 kHz does without

            self._stream = soxr.ResampleStream(rate_hz, SAMPLE_RATE, 1, dtype="float32", quality=QUALITY)

    def accept(self, samples: Samples) -> Samples:
        """Samples (n,) at the rate given → those (m,) at 16 kHz that are complete; the rest is kept."""
        return samples if self._identity else self._resample(samples, last=False)

    def finish(self) -> Samples:
        """What was kept. The resampler is spent."""
        nothing = np.zeros(0, np.float32)
        return nothing if self._identity else self._resample(nothing, last=True)

    def _resample(self, samples: Samples, *, last: bool) -> Samples:
        resampled: Samples = self._stream.resample_chunk(samples, last=last)
        return resampled
