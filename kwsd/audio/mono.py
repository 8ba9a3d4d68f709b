"""Frames of any rate and channel count become mono sound at 16 kHz: which channels, resampled, finite."""

import logging

import numpy as np

from kwsd.audio.resample import Resampler
from kwsd.audio.sanitise import sanitise
from kwsd.audio.source import Samples
from kwsd.errors import AudioError

logger = logging.getLogger(__name__)

NARROW_HZ = 12_000  # below, what the model listens to above 4 kHz is missing: a third of the wake words went with it
CANCELS = 0.1  # of the loudest channel's power; two equal ones have 1, one of two 0.25, opposite ones 0
EMPTY_OF_TWO, DEAD_OF_MORE = 1e-2, 1e-9  # of the loudest channel's power
REMEMBERS = 0.98  # per block of 40 ms: two seconds
FORGETS = 0.8  # of what is remembered of the channels' power, per block


class Mono:
    """Turns a recording's frames into sound. Without a `channel` (1 is the first) all are mixed.

    Where the mix cancels, or one of many channels alone has sound, the loudest is heard instead.
    """

    def __init__(self, name: str, rate_hz: int, channels: int, channel: int | None = None) -> None:
        """Raises AudioError: there is no such channel."""
        if channel is not None and not 1 <= channel <= channels:
            remedy = "leave --channel out" if channels == 1 else f"--channel takes 1 to {channels}"
            raise AudioError(f"{name} has no channel {channel}: it has {channels}; {remedy}")
        warn_of_narrow_band(name, rate_hz)
        self._name = name
        self._channel = channel if channels > 1 else 1
        self._resampler = Resampler(rate_hz)
        self._power = np.zeros(channels + 1)
        self._alone: int | None = None
        self._bad_samples = 0

    def push(self, frames: Samples) -> Samples:
        """(n, channels) → (m,)."""
        finite, bad = sanitise(frames)
        self._bad_samples += bad
        if self._channel is None:
            return self._resampler.accept(self._mixed(finite))
        return self._resampler.accept(np.ascontiguousarray(finite[:, self._channel - 1]))

    def finish(self) -> Samples:
        """What the resampler kept. Nothing can be pushed behind it."""
        if self._bad_samples:
            logger.warning("%s: %d samples are NaN or infinite; they are silence now", self._name, self._bad_samples)
        return self._resampler.finish()

    def _mixed(self, frames: Samples) -> Samples:
        """(n, channels) → (n,), their mean; by columns, which is sixty times faster than `frames.mean(axis=1)`."""
        mixed = frames[:, 0].copy()
        for column in frames.T[1:]:
            mixed += column
        mixed /= np.float32(frames.shape[1])
        # a constant is no sound, however large
        self._power = FORGETS * self._power + [column.var() for column in (*frames.T, mixed)]
        loudest = int(self._power[:-1].argmax())
        if self._power[-1] >= CANCELS * self._power[loudest]:
            self._alone = None
            return mixed
        if self._alone is None:
            logger.warning(
                "%s: its channels cancel each other, or one alone has sound: hearing channel %d; "
                "--channel N takes another",
                self._name,
                loudest + 1,
            )
            self._alone = loudest
        return np.ascontiguousarray(frames[:, self._alone])


class LivingChannel:
    """Of a microphone's channels the first that has sound; never a mix, for they differ in delay.

    Of two, one that is 20 dB fainter is an empty socket. Of more, one may carry what the loudspeaker plays: there only
    a channel of one value is passed over, and the first that wakes up is heard again.
    """

    def __init__(self, name: str) -> None:
        self.channel = 1
        """The one that is heard, counted from 1."""
        self._name = name
        self._power: Samples | None = None

    def pick(self, frames: Samples) -> Samples:
        """(n, channels) → (n,)."""
        if frames.shape[1] > 1 and len(frames):
            power = frames.var(axis=0)
            self._power = power if self._power is None else REMEMBERS * self._power + (1 - REMEMBERS) * power
            least = self._power.max() * (EMPTY_OF_TWO if frames.shape[1] == 2 else DEAD_OF_MORE)  # noqa: PLR2004 - above
            first = int((self._power > least).argmax()) + 1
            if first < self.channel or self._power[self.channel - 1] < least / 4:
                if first != self.channel:
                    logger.info('"%s": hearing channel %d; --channel N takes another', self._name, first)
                self.channel = first
        return np.ascontiguousarray(frames[:, min(self.channel, frames.shape[1]) - 1])


def warn_of_narrow_band(name: str, rate_hz: int) -> None:
    """Telephones and headsets without wideband speech give half of what the model listens to, and nothing tells."""
    if rate_hz < NARROW_HZ:
        logger.warning(
            "%s has %d Hz, nothing above %.1f kHz: a third of what is said may be missed; record at 16000 Hz or more "
            "(a Bluetooth headset: with wideband speech, mSBC)",
            name,
            rate_hz,
            rate_hz / 2000,
        )
