"""Sound from a microphone through PortAudio.

No callback: making one needs memory that is writable and executable, which a hardened service may not have. And no
read ever waits inside PortAudio, where nothing could end it: only what is there is read, so that a device that
falls silent is noticed here and `close` is obeyed at once.
"""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from kwsd.audio.portaudio import InputDevice, find_device, portaudio
from kwsd.audio.resample import Resampler
from kwsd.audio.source import Block, Samples
from kwsd.errors import AudioError
from kwsd.timebase import SAMPLE_RATE

logger = logging.getLogger(__name__)

BLOCK_S = 0.02  # a sixteenth of the encoder's chunk: what is waited for costs no latency
LATENCY_S = 0.2  # PortAudio's buffer: rides out that much scheduling delay before anything is lost
POLL_S = 0.005  # between looks at a device that counts in periods: less would burn the processor
STALL_S = 5.0  # without sound for so long the device is dead; a sink that wakes up or Bluetooth takes up to 2
CLOSE_S = 1.0  # how long `close` waits for a read in progress, which takes microseconds unless the driver hangs


class MicrophoneSource:
    """A Source that ends only by `close` or by AudioError: unplugged, stalled or failed. Open a new one after that.

    `device` is a name, an index or None for the default; `channel` is counted from 1. It is never a mix: the channels
    of a microphone array differ in delay, and one may carry what the loudspeaker plays.
    """

    duration_s = None

    def __init__(self, device: str | int | None = None, channel: int = 1) -> None:
        found = find_device(device)
        if not 1 <= channel <= found.channels:
            raise AudioError(f'"{found.name}" has no channel {channel}: it has {found.channels}, counted from 1')
        self.name = found.name
        self.channel = channel
        self._closed = threading.Event()
        self._lock = threading.Lock()  # PortAudio must not close a stream that is being read
        self._stream = _open_stream(found, channel)
        self.rate_hz = round(self._stream.samplerate)
        self._resampler = Resampler(self.rate_hz)
        self._block_frames = round(BLOCK_S * self.rate_hz)
        self._left_frames = 0  # in PortAudio's buffer after the last read
        self._read_at_s = time.monotonic()
        logger.info('listening to "%s", channel %d, at %d Hz', self.name, channel, self.rate_hz)

    def __iter__(self) -> Iterator[Block]:
        """Blocks of 20 ms as they are heard."""
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
                self._stream.close()
            finally:
                self._lock.release()

    def _wait(self) -> int | None:
        """Frames available, at least a block; None when closed."""
        deadline_s = time.monotonic() + STALL_S
        while (available := self._available()) is not None and available < self._block_frames:
            if time.monotonic() > deadline_s:
                raise AudioError(
                    f'"{self.name}" has given no sound for {STALL_S:.0f} s; unplug it and plug it in again'
                )
            self._closed.wait(max(POLL_S, (self._block_frames - available) / self.rate_hz))
        return available

    def _available(self) -> int | None:
        """Frames in PortAudio's buffer; None when closed."""
        with self._lock:
            if self._closed.is_set():
                return None
            try:
                available: int = self._stream.read_available
            except portaudio().PortAudioError as error:
                raise self._failed(error) from error
        return available

    def _read(self, available: int) -> Iterator[Block]:
        """The next block, after it the sound that was cut off before it if some was lost."""
        with self._lock:
            if self._closed.is_set():
                return
            try:
                frames, overflowed = self._stream.read(self._block_frames)
            except portaudio().PortAudioError as error:
                raise self._failed(error) from error
        lost_frames = self._account(available, overflowed)
        if lost_frames:
            # what comes next does not follow what came before: they must not meet in the resampler's filter
            yield Block(self._resampler.finish())
            self._resampler = Resampler(self.rate_hz)
        lost_samples = round(lost_frames * SAMPLE_RATE / self.rate_hz)
        yield Block(self._resampler.accept(self._pick(frames)), max(lost_samples, int(overflowed)))

    def _account(self, available: int, overflowed: bool) -> int:
        """Frames lost before this read, at least 1 if it overflowed: what time brought, less what is there.

        PortAudio says that sound was lost, not how much.
        """
        now_s = time.monotonic()
        brought = (now_s - self._read_at_s) * self.rate_hz
        lost = self._left_frames + brought - available
        self._left_frames = available - self._block_frames
        self._read_at_s = now_s
        return max(1, round(lost)) if overflowed else 0

    def _pick(self, frames: Samples) -> Samples:
        """(n, channels) → (n,)."""
        return frames[:, self.channel - 1].copy()

    def _failed(self, error: Exception) -> AudioError:
        return AudioError(f'"{self.name}" cannot be read any more ({error}); is it still plugged in?')


def _open_stream(device: InputDevice, channel: int) -> Any:
    """A started stream at 16 kHz, or at the device's own rate when it refuses that."""
    library = portaudio()
    try:
        return _start(device, channel, SAMPLE_RATE)
    except library.PortAudioError:
        logger.debug('"%s" refuses %d Hz', device.name, SAMPLE_RATE)
    try:
        return _start(device, channel, device.default_rate_hz)
    except library.PortAudioError as error:
        raise AudioError(f'cannot listen to "{device.name}" ({error}); does another program use it?') from error


def _start(device: InputDevice, channel: int, rate_hz: int) -> Any:
    stream = portaudio().InputStream(
        device=device.index, samplerate=rate_hz, channels=channel, dtype="float32", blocksize=0, latency=LATENCY_S
    )
    try:
        stream.start()
    except Exception:
        stream.close()
        raise
    return stream
