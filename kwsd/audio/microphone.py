"""Sound from a microphone through PortAudio.

No callback: making one needs memory that is writable and executable, which a hardened service may not have. And no
read ever waits inside PortAudio, where nothing could end it: only what is there is read, so that a device that
falls silent is noticed here and `close` is obeyed at once.
"""

import logging
import threading
import time
from collections.abc import Iterator

import numpy as np

from kwsd.audio.mono import LivingChannel, warn_of_narrow_band
from kwsd.audio.portaudio import close_stream, find_device, open_stream, portaudio
from kwsd.audio.resample import Resampler
from kwsd.audio.sanitise import sanitise
from kwsd.audio.source import ChunkCounter
from kwsd.errors import AudioError
from kwsd.stream import Chunk
from kwsd.timebase import samples

logger = logging.getLogger(__name__)

BLOCK_S = 0.04  # at least, an eighth of the encoder's chunk; measured 0.55 % of a core, 0.8 % at 0.02 s
POLL_S = 0.01  # between looks at a device that is late; ALSA devices count in periods of about 10 to 50 ms
STALL_S = 5.0  # without sound for so long the device is dead; PulseAudio wakes an idle sink in up to 2
CLOSE_S = 1.0  # how long `close` waits for a read in progress, which takes microseconds unless the device hangs


class MicrophoneSource:
    """A Source that ends only by `close` or by AudioError: unplugged, stalled or failed. Open a new one after that.

    `device` is a name, an index or None for the default; `channel` is counted from 1; without one, the first that
    has sound is heard.
    """

    duration_s = None

    def __init__(self, device: str | int | None = None, channel: int | None = None) -> None:
        found = find_device(device)
        if channel is not None and not 1 <= channel <= found.channels:
            known = f"it has {found.channels}; --channel takes 1 to {found.channels}"
            raise AudioError(f'"{found.name}" has no channel {channel}: {known}')
        self.name = found.name
        self._asked_channel = channel
        self._living = LivingChannel(found.name)
        self._closed = threading.Event()
        self._released = False
        self._lock = threading.Lock()  # PortAudio must not close a stream that is being read
        self._stream = open_stream(found, channel)
        self.rate_hz = round(self._stream.samplerate)
        warn_of_narrow_band(self.name, self.rate_hz)
        self._resampler = Resampler(self.rate_hz)
        self._counter = ChunkCounter(self.name)
        self._block_frames = round(BLOCK_S * self.rate_hz)
        self._read_at_s = time.monotonic()
        logger.debug('listening to "%s" at %d Hz', self.name, self.rate_hz)

    @property
    def channel(self) -> int:
        """Which is heard, counted from 1."""
        return self._asked_channel or self._living.channel

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks of 40 ms or more as they are heard."""
        try:
            while (available := self._wait()) is not None:
                yield from self._read(available)
        finally:
            self.close()

    def close(self) -> None:
        """Release the device; iteration ends. Safe to call twice and from another thread."""
        self._closed.set()
        if self._lock.acquire(timeout=CLOSE_S):
            try:
                if not self._released:
                    self._released = True
                    close_stream(self._stream)
            finally:
                self._lock.release()

    def _wait(self) -> int | None:
        """Frames available, at least a block; None when closed."""
        patience_s = STALL_S  # of looks: a clock goes on while the machine is stopped
        while patience_s > 0:
            with self._lock:
                if self._closed.is_set():
                    return None
                try:
                    available: int = self._stream.read_available
                except portaudio().PortAudioError as error:
                    raise self._failed(error) from error
            if available >= self._block_frames:
                return available
            pause_s = max(POLL_S, (self._block_frames - available) / self.rate_hz)
            time.sleep(pause_s)
            patience_s -= pause_s
        raise AudioError(f'"{self.name}" has given no sound for {STALL_S:.0f} s; unplug it and plug it in again')

    def _read(self, available: int) -> Iterator[Chunk]:
        """All that is available; before it, if some was lost, the end of what came before.

        PortAudio says that sound was lost, not how much: what time has brought since the last read, less what was
        there to read.
        """
        with self._lock:
            if self._closed.is_set():
                return
            try:
                frames, overflowed = self._stream.read(available)
            except portaudio().PortAudioError as error:
                raise self._failed(error) from error
        lost_samples, now_s = 0, time.monotonic()
        if overflowed:
            lost_samples = max(1, samples(now_s - self._read_at_s - available / self.rate_hz))
        self._read_at_s = now_s
        if lost_samples:
            # what comes next does not follow what came before: they must not meet in the resampler's filter
            yield self._counter.chunk(self._resampler.finish())
            self._resampler = Resampler(self.rate_hz)
        finite, _ = sanitise(frames)
        if self._asked_channel is None:
            heard = self._living.pick(finite)
        else:
            heard = np.ascontiguousarray(finite[:, self._asked_channel - 1])
        yield self._counter.chunk(self._resampler.accept(heard), lost_samples)

    def _failed(self, error: Exception) -> AudioError:
        return AudioError(f'"{self.name}" cannot be read any more ({error}); is it still plugged in?')
