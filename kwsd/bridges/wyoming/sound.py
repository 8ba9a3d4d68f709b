"""A client's sound, of whatever rate, width and channels, as 16 kHz mono; and its clock, of whatever unit."""

from bisect import bisect_right
from typing import Any, Self

import numpy as np

from kwsd.audio.resample import Resampler
from kwsd.errors import AudioError
from kwsd.quick_dataclass import dataclass
from kwsd.stream import NO_SAMPLES, Float32
from kwsd.timebase import SAMPLE_RATE

LOWEST_HZ, HIGHEST_HZ, MOST_CHANNELS = 8000, 192_000, 8
WIDTHS = {2: ("<i2", 2.0**15), 4: ("<i4", 2.0**31)}
ANCHOR_SAMPLES = SAMPLE_RATE // 10
MOST_ANCHORS = 600  # a minute: no phrase is decided so late


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """What the bytes of a chunk mean."""

    rate_hz: int
    width: int
    """Bytes of one sample of one channel."""
    channels: int

    @classmethod
    def of(cls, data: dict[str, Any]) -> Self:
        """As an event states it. Raises AudioError: nothing that can be heard."""
        rate_hz, width, channels = (data.get(name) for name in ("rate", "width", "channels"))
        if type(rate_hz) is not int or not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise AudioError(f"rate {rate_hz!r:.40}: give {LOWEST_HZ} to {HIGHEST_HZ} Hz, best {SAMPLE_RATE}")
        if type(width) is not int or width not in WIDTHS:
            raise AudioError(f"width {width!r:.40}: give samples of 2 or 4 bytes, signed, little-endian")
        if type(channels) is not int or not 1 <= channels <= MOST_CHANNELS:
            raise AudioError(f"channels {channels!r:.40}: give 1 to {MOST_CHANNELS}")
        return cls(rate_hz, width, channels)


class Converter:
    """Bytes in, 16 kHz out; the result is the same however the bytes are cut. A change of format begins anew."""

    def __init__(self) -> None:
        self._format = SoundFormat(SAMPLE_RATE, 2, 1)
        self._resampler = Resampler(SAMPLE_RATE)
        self._rest = b""

    def accept(self, payload: bytes, sound_format: SoundFormat) -> Float32:
        """The samples (n,) that these bytes complete; a part of one is kept for the next."""
        if sound_format != self._format:
            self._format, self._resampler, self._rest = sound_format, Resampler(sound_format.rate_hz), b""
        if not payload:
            return NO_SAMPLES
        data = self._rest + payload
        step = sound_format.width * sound_format.channels
        whole = len(data) - len(data) % step
        self._rest = data[whole:]
        kind, full_scale = WIDTHS[sound_format.width]
        frames = np.frombuffer(data[:whole], kind).reshape(-1, sound_format.channels)
        mono = frames.mean(axis=1, dtype=np.float32) if sound_format.channels > 1 else frames[:, 0].astype(np.float32)
        return self._resampler.accept(mono / np.float32(full_scale))


class ClientClock:
    """Samples of a stream → the client's own time stamps, be they milliseconds, nanoseconds or missing."""

    def __init__(self) -> None:
        self._samples: list[int] = []
        self._stamps: list[int] = []

    def note(self, sample: int, stamp: object) -> None:
        """A chunk that begins at `sample` was stamped so; one every 100 ms is kept, and the latest."""
        if type(stamp) is not int:
            return
        if len(self._samples) > 1 and sample - self._samples[-2] < ANCHOR_SAMPLES:
            del self._samples[-1], self._stamps[-1]
        self._samples.append(sample)
        self._stamps.append(stamp)
        del self._samples[:-MOST_ANCHORS], self._stamps[:-MOST_ANCHORS]

    def stamp(self, sample: int) -> int | None:
        """Between two chunks in proportion; behind the latest, its own; None where none had any."""
        if not self._samples:
            return None
        after = bisect_right(self._samples, sample)
        if after in {0, len(self._samples)}:
            return self._stamps[max(after - 1, 0)]
        (left, right), (early, late) = self._samples[after - 1 : after + 1], self._stamps[after - 1 : after + 1]
        return early + (late - early) * (sample - left) // (right - left)
