"""Sound from a file of any format, rate and channel count, read as it is used. The only importer of soundfile."""

import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.audio.resample import Resampler
from kwsd.audio.sanitise import sanitise
from kwsd.audio.source import ChunkCounter, Samples
from kwsd.errors import AudioError
from kwsd.stream import Chunk

logger = logging.getLogger(__name__)

BLOCK_S = 0.5  # long enough that the calls cost nothing, short enough that memory stays flat
BLOCK_VALUES = 1 << 20  # at most, all channels together: 4 MB, whatever rate and channel count a header claims
RATES_HZ = range(1_000, 1_000_000)  # outside, the header is broken; a resampler of such a ratio would eat the memory
_NOTHING = np.zeros(0, np.float32)
READABLE = "WAV, FLAC, OGG, Opus or MP3"


class FileSource:
    """A Source. Without a `channel` (1 is the first) all channels are mixed: speech in any of them is heard.

    Opening raises AudioError for what is not readable audio. A file that is damaged or cut off gives what comes before.
    """

    def __init__(self, path: Path, channel: int | None = None) -> None:
        self.name = str(path)
        self._file = _open(path)
        self._lock = threading.Lock()  # libsndfile must not close a file that it is reading
        self._channel = _checked_channel(self.name, channel, self._file.channels)
        self._resampler = Resampler(self._file.samplerate)
        self._block_frames = min(int(BLOCK_S * self._file.samplerate), BLOCK_VALUES // self._file.channels)
        self._heard_frames = 0
        self._bad_samples = 0
        self.duration_s: float | None = self._file.frames / self._file.samplerate

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks of half a second; AudioError when not even the first can be read."""
        counter = ChunkCounter(self.name)
        try:
            while (frames := self._read()).size:
                self._heard_frames += len(frames)
                yield counter.chunk(self._resampler.accept(self._mono(frames)))
            yield counter.chunk(self._resampler.finish())
            if not self._heard_frames:
                logger.warning("%s holds no sound", self.name)
        finally:
            self.close()
            if self._bad_samples:
                logger.warning("%s: %d samples are NaN or infinite; they are silence now", self.name, self._bad_samples)

    def close(self) -> None:
        """Release the file; iteration ends. Safe to call twice and from another thread."""
        with self._lock:
            self._file.close()

    def _read(self) -> Samples:
        """The next (n, channels); none at the end or when closed."""
        with self._lock:
            if self._file.closed:
                return _NOTHING
            try:
                frames: Samples = self._file.read(self._block_frames, dtype="float32", always_2d=True)
            except RuntimeError as error:
                self._report_damage(error)
                return _NOTHING
            return frames

    def _mono(self, frames: Samples) -> Samples:
        """(n, channels) → (n,)."""
        finite, bad = sanitise(frames)
        self._bad_samples += bad
        if self._channel is not None:
            return np.ascontiguousarray(finite[:, self._channel - 1])
        return _mix(finite)

    def _report_damage(self, error: RuntimeError) -> None:
        heard_s = self._heard_frames / self._file.samplerate
        message = f"{self.name} is damaged or cut off after {heard_s:.1f} s: {error}"
        if not self._heard_frames:
            raise AudioError(message) from error
        logger.warning("%s", message)


def _open(path: Path) -> Any:
    """A soundfile.SoundFile whose header makes sense."""
    _check_path(path)
    import soundfile  # noqa: PLC0415 - 150 ms that microphones and pipes need not pay

    try:
        file = soundfile.SoundFile(os.fsencode(path))  # as text it would have to be Unicode
    except (RuntimeError, OSError, ValueError) as error:
        raise AudioError(f"{path} is not audio that can be read ({READABLE}): {error}") from error
    if file.samplerate not in RATES_HZ:
        file.close()
        raise AudioError(f"{path} claims a rate of {file.samplerate} Hz: its header is damaged")
    # after every read soundfile seeks to where it is, at which the MP3 decoder forgets what the next frame needs
    file.seekable = lambda: False
    return file


def _check_path(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        takes = f"--input takes an audio file ({READABLE}), mic, or - for stdin"
        raise AudioError(f"{path} does not exist: {takes}") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path} cannot be read: {error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise AudioError(f"{path} is a directory: --input takes an audio file; it may be repeated")
    if not stat.S_ISREG(found.st_mode):
        raise AudioError(f"{path} is not a regular file: to read a pipe or device, send raw sound to --input -")
    if found.st_size == 0:
        raise AudioError(f"{path} is empty: record or copy it again")


def _mix(frames: Samples) -> Samples:
    """(n, channels) → (n,), their mean; by columns, which is sixty times faster than `frames.mean(axis=1)`."""
    mixed = frames[:, 0].copy()
    for column in frames.T[1:]:
        mixed += column
    mixed /= np.float32(frames.shape[1])
    return mixed


def _checked_channel(name: str, channel: int | None, channels: int) -> int | None:
    if channel is not None and not 1 <= channel <= channels:
        raise AudioError(f"{name} has no channel {channel}: it has {channels}, counted from 1")
    return channel
