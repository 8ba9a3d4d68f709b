"""A take is somebody saying the keyword once: silence is trimmed off, and what is not fit to learn from is refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from kwsd.audio.file import FileSource
from kwsd.audio.level import measure_level
from kwsd.errors import KwsdError
from kwsd.quick_dataclass import dataclass
from kwsd.stream import Float32
from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE, samples, seconds

MARGIN_S = 0.15  # kept on either side of the speech: consonants begin and end below the threshold
OVER_NOISE_DB, BELOW_PEAK_DB = 8.0, 30.0  # what is louder than both of these is speech
QUIET_DB = -50.0  # of the speech; a take at arm's length has -35 to -20
NOISY_DB = 10.0  # of the speech over the rest
CLIPPED_SHARE = 0.002  # of the samples of the speech; a syllable that overdrives the converter has 0.01
EDGE_S = 0.02  # speech as close as this to an end of the recording was cut off …
EDGE_DB = 15.0  # … if it is there still so near to its loudest
LONGEST_S, SHORTEST_S = 5.0, 0.15
LONGEST_FILE_S = 60.0  # with the pauses; no more of it is read


class TakeError(KwsdError):
    """A take that is not fit to learn from; the message has the reason and what to do."""


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """One saying of the keyword."""

    name: str
    """Of the file, or its number."""
    speech: Float32
    """(n,), 16 kHz, without the silence around it."""
    level_db: float
    """RMS of the speech; full scale is 0."""
    noise_db: float
    """RMS of the rest, as far as there is some."""


def read_take(path: Path) -> Take:
    """A recording of one saying.

    Raises:
        AudioError: the file cannot be read as sound.
        TakeError: it is not fit to learn from.
    """
    parts = [np.zeros(0, np.float32)]
    with closing(FileSource(path)) as source:
        for chunk in source:
            parts.append(chunk.samples)
            if chunk.end_sample > samples(LONGEST_FILE_S):
                raise TakeError(f"{path.name}: lasts over a minute; a take is one saying of the keyword alone")
    return trim_take(path.name, np.concatenate(parts))


def trim_take(name: str, sound: Float32) -> Take:
    """Cut the silence off a recording (n,) and judge what is left. Raises TakeError."""
    loud_db = levels(sound)
    if not len(loud_db):
        raise TakeError(f"{name}: is empty; record it again")
    noise_db = float(np.quantile(loud_db, 0.1))
    speaks = np.flatnonzero(loud_db > max(noise_db + OVER_NOISE_DB, float(loud_db.max()) - BELOW_PEAK_DB))
    if not len(speaks) and loud_db.max() >= QUIET_DB:
        raise TakeError(f"{name}: noisy (all of it is as loud as {noise_db:.0f} dB); make it quieter or go nearer")
    if loud_db.max() < QUIET_DB:
        raise TakeError(f"{name}: too quiet (at most {loud_db.max():.0f} dB); speak up or turn the microphone up")
    first, last = int(speaks[0]) * FBANK_SHIFT_SAMPLES, (int(speaks[-1]) + 1) * FBANK_SHIFT_SAMPLES
    speech = sound[first:last]
    level = measure_level(speech)
    take = Take(name, sound[max(0, first - samples(MARGIN_S)) : last + samples(MARGIN_S)], level.rms_dbfs, noise_db)
    edge = max(1, round(EDGE_S * SAMPLE_RATE / FBANK_SHIFT_SAMPLES))
    at_edge = max(float(loud_db[:edge].max()), float(loud_db[-edge:].max()))
    if level.clipped_share > CLIPPED_SHARE:
        raise TakeError(f"{name}: clipped ({level.clipped_share:.1%} at full scale); turn the microphone down")
    if level.rms_dbfs < QUIET_DB:
        raise TakeError(f"{name}: too quiet ({level.rms_dbfs:.0f} dB); speak up or turn the microphone up")
    if at_edge > level.rms_dbfs - EDGE_DB and at_edge > noise_db + OVER_NOISE_DB:
        where = "beginning" if float(loud_db[:edge].max()) == at_edge else "end"
        raise TakeError(f"{name}: cut off at its {where}; leave a moment of silence around it")
    if level.rms_dbfs - noise_db < NOISY_DB:
        over_db = level.rms_dbfs - noise_db
        raise TakeError(f"{name}: noisy (only {over_db:.0f} dB over the noise); make it quieter or go nearer")
    if not SHORTEST_S <= seconds(len(speech)) <= LONGEST_S:
        raise TakeError(f"{name}: {seconds(len(speech)):.1f} s of speech; a take is one saying of the keyword alone")
    return take


def levels(sound: Float32) -> Float32:
    """RMS of each 10 ms of sound (n,), dB of full scale, at least -120."""
    whole = sound[: len(sound) - len(sound) % FBANK_SHIFT_SAMPLES].reshape(-1, FBANK_SHIFT_SAMPLES)
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), np.float32)


@dataclass(frozen=True, slots=True)
class Takes:
    """Those that are fit, and why the others are not."""

    good: tuple[Take, ...]
    refused: tuple[str, ...]


def sift_takes(paths: Sequence[Path]) -> Takes:
    """Read recordings; raises AudioError where one is no sound at all."""
    good, refused = [], []
    for path in paths:
        try:
            good.append(read_take(path))
        except TakeError as error:
            refused.append(str(error))
    return Takes(tuple(good), tuple(refused))
