"""English words spoken by espeak-ng, for tests that must run without ../shared."""

import io
import shutil
import subprocess
from functools import lru_cache

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from kwsd.timebase import SAMPLE_RATE


@lru_cache
def spoken(text: str, voice: str = "en-us", speed: int = 150) -> NDArray[np.float32]:
    """Samples at 16 kHz without the silence around them; the test is skipped where espeak-ng is missing."""
    program = shutil.which("espeak-ng")
    if program is None:
        pytest.skip("espeak-ng is not installed")
    command = [program, "--stdout", "-v", voice, "-s", str(speed), text]
    wav = subprocess.run(command, capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    sounding = np.flatnonzero(np.abs(samples) > 0.01)
    return np.asarray(soxr.resample(samples[sounding[0] : sounding[-1] + 1], rate, SAMPLE_RATE), np.float32)


def with_gaps(*words: str, gap_s: float = 1.0) -> NDArray[np.float32]:
    """Words one after the other, with almost silent gaps before, between and after."""
    hiss = np.random.default_rng(1).standard_normal(int(gap_s * SAMPLE_RATE)).astype(np.float32) * 2e-4
    parts = [hiss]
    for word in words:
        parts += [spoken(word), hiss]
    return np.concatenate(parts)
