"""Sound from a file of any format, rate and channel count, read as it is used. The only importer of soundfile."""

import io
import logging
import os
import shlex
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from kwsd.audio.mono import Mono
from kwsd.audio.source import ChunkCounter, Samples
from kwsd.errors import AudioError
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE

logger = logging.getLogger(__name__)

BLOCK_S = 0.5  # long enough that the calls cost nothing, short enough that memory stays flat
BLOCK_VALUES = 1 << 20  # at most, all channels together: 4 MB, whatever rate and channel count a header claims
RATES_HZ = range(1_000, 1_000_000)  # outside, the header is broken; a resampler of such a ratio would eat the memory
HEADER_BYTES = 65_536  # the sound of a WAV begins before, unless a picture is in it
KNOWN_LENGTH_FRAMES = 1 << 48  # more is libsndfile's way to say that a header has no length
_NOTHING = np.zeros(0, np.float32)
READABLE = "WAV, FLAC, OGG, Opus or MP3"
READABLE_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
RAW_SUBTYPES = {
    **dict.fromkeys((".raw", ".pcm", ".s16", ".s16le", ".sw"), "PCM_16"),
    **dict.fromkeys((".s32", ".s32le"), "PCM_32"),
    **dict.fromkeys((".f32", ".f32le"), "FLOAT"),
}
"""What files without a header hold, by their suffix: 16 kHz, mono, little-endian."""
RAW_SAMPLES = {
    "s16le": ("PCM_16", "LITTLE"),
    "s16be": ("PCM_16", "BIG"),
    "s24le": ("PCM_24", "LITTLE"),
    "s32le": ("PCM_32", "LITTLE"),
    "f32le": ("FLOAT", "LITTLE"),
    "u8": ("PCM_U8", "LITTLE"),
    "mulaw": ("ULAW", "LITTLE"),
    "alaw": ("ALAW", "LITTLE"),
}
"""Names of `limits.RAW_SAMPLES` → libsndfile's."""
EXACT_FORMATS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "RAW"}
"""In which libsndfile seeks to the sample. Decoders of the others need what came before it."""
WHOLE_IN_320_MS_HZ = 25
CONTAINERS = (b"RIFF", b"RF64", b"riff", b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"caff")
"""How files with a header begin."""


class NoFileError(AudioError):
    """Nothing is there, or a pipe or a device: something else may have been meant."""


class SoundSource:
    """A Source over what soundfile has opened. Sound that is damaged or cut off gives what comes before."""

    def __init__(self, name: str, file: Any, channel: int | None = None, block_s: float = BLOCK_S) -> None:
        """`file` is a soundfile.SoundFile, closed in the end. Raises AudioError: there is no such channel."""
        self.name = name
        self._file = file
        self._lock = threading.Lock()  # libsndfile must not close a file that it is reading
        self._mono = Mono(name, file.samplerate, file.channels, channel)
        self._block_frames = max(1, min(int(block_s * file.samplerate), BLOCK_VALUES // file.channels))
        self._heard_frames = 0
        known = file.frames < KNOWN_LENGTH_FRAMES
        self.duration_s: float | None = file.frames / file.samplerate if known else None

    def __iter__(self) -> Iterator[Chunk]:
        """Chunks of half a second; AudioError when not even the first can be read."""
        counter = ChunkCounter(self.name)
        try:
            while (frames := self._read()).size:
                self._heard_frames += len(frames)
                yield counter.chunk(self._mono.push(frames))
            yield counter.chunk(self._mono.finish())
            if not self._heard_frames:
                logger.warning("%s holds no sound", self.name)
        finally:
            self.close()

    @property
    def can_begin_later(self) -> bool:
        """Whether `begin_at` finds the very sample: uncompressed or FLAC, at a rate that 320 ms are whole frames of."""
        return self._file.format in EXACT_FORMATS and self._file.samplerate % WHOLE_IN_320_MS_HZ == 0

    def begin_at(self, sample: int) -> None:
        """Leave out what comes before a sample of 16 kHz, a multiple of 320 ms; chunks count from 0 all the same."""
        frame = sample * self._file.samplerate // SAMPLE_RATE
        with self._lock:
            self._file.seek(min(frame, self._file.frames))

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
                heard_s = self._heard_frames / self._file.samplerate
                message = f"{self.name} is damaged or cut off after {heard_s:.1f} s: {error}"
                if not self._heard_frames:
                    raise AudioError(message) from error
                logger.warning("%s", message)
                return _NOTHING
            return frames


class FileSource(SoundSource):
    """A Source. Without a `channel` (1 is the first) all channels are mixed: speech in any of them is heard."""

    _beneath: io.FileIO | None = None

    def __init__(self, path: Path, channel: int | None = None, raw: str | None = None) -> None:
        """`raw`: what it holds where it has no header, as `raw_arguments` takes it.

        Raises AudioError: it is not readable audio, or has no such channel.
        """
        begin = _begin(path)
        subtype = RAW_SUBTYPES.get(path.suffix.lower())
        name = os.fsencode(path)  # as text it would have to be Unicode
        if (subtype is not None or raw is not None) and not begin.startswith(CONTAINERS):
            held = raw_arguments(raw) if raw else _raw_sound(subtype, "LITTLE", SAMPLE_RATE, 1)
            file = open_sound(str(path), name, **held)
        elif subtype is not None or zero_lengths(begin):
            self._beneath = _Lengthless(name, zero_lengths(begin))
            try:
                file = open_sound(str(path), self._beneath)
            except AudioError:
                self._beneath.close()
                raise
        else:
            file = open_sound(str(path), name)
        super().__init__(str(path), file, channel)

    def close(self) -> None:
        """Release the file; iteration ends. Safe to call twice and from another thread."""
        super().close()
        if self._beneath is not None:
            self._beneath.close()


class _Lengthless(io.FileIO):
    """A file whose header has, instead of lengths of 0, the sign of a length that nobody knows."""

    def __init__(self, name: bytes, places: tuple[int, ...]) -> None:
        super().__init__(name)
        self.name: str | None = None  # soundfile would believe its suffix
        self._zeros = {place + byte for place in places for byte in range(4)}

    def readinto(self, buffer: Any) -> int | None:
        start = self.tell()
        count = super().readinto(buffer)
        for place in self._zeros:
            if start <= place < start + (count or 0):
                memoryview(buffer).cast("B")[place - start] = 0xFF
        return count


def zero_lengths(begin: bytes) -> tuple[int, ...]:
    """Where the header of a WAV has a length of 0 that nobody came to write: of the whole, and of the sound."""
    place = 12
    while begin.startswith(b"RIFF") and place + 8 < len(begin):
        size = int.from_bytes(begin[place + 4 : place + 8], "little")
        if begin[place : place + 4] == b"data":
            return () if size else (4, place + 4)
        place += 8 + size + size % 2
    return ()


def raw_arguments(raw: str) -> dict[str, Any]:
    """SAMPLES[:HZ[:CHANNELS]], as `limits.RawFormat` allows it → what soundfile is to be told of such sound."""
    samples, *counts = raw.split(":")
    rate_hz, channels = (*map(int, counts), *(SAMPLE_RATE, 1)[len(counts) :])
    return _raw_sound(*RAW_SAMPLES[samples], rate_hz, channels)


def _raw_sound(subtype: str | None, endian: str, rate_hz: int, channels: int) -> dict[str, Any]:
    return {"samplerate": rate_hz, "channels": channels, "format": "RAW", "subtype": subtype, "endian": endian}


def open_sound(name: str, file: Any, **raw: Any) -> Any:
    """A soundfile.SoundFile of a path, a descriptor or an open file, whose header makes sense. Raises AudioError."""
    import soundfile  # noqa: PLC0415 - 150 ms that microphones and pipes need not pay

    try:
        sound = soundfile.SoundFile(file, closefd=True, **raw)
    except (RuntimeError, OSError, ValueError) as error:
        said = f"{name} is not audio that can be read ({READABLE})"
        if Path(name).suffix.lower() not in {*RAW_SUBTYPES, *READABLE_SUFFIXES}:  # a damaged one stays so
            said += f"; ffmpeg -i {shlex.quote(name)} {shlex.quote(Path(name).stem)}.wav converts what others hold"
        raise AudioError(f"{said}: {error}") from error
    if sound.samplerate not in RATES_HZ:
        sound.close()
        raise AudioError(f"{name} claims a rate of {sound.samplerate} Hz: its header is damaged")
    # after every read soundfile seeks to where it is, at which the MP3 decoder forgets what the next frame needs
    sound.seekable = lambda: False
    return sound


def as_mp3(sound: Samples) -> bytes:
    """16 kHz mono as what every browser plays, 4 KB a second."""
    import soundfile  # noqa: PLC0415 - likewise

    file = io.BytesIO()
    soundfile.write(file, np.clip(sound, -1, 1), SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    return file.getvalue()


def _begin(path: Path) -> bytes:
    """What a file begins with. Raises AudioError: it is none, or cannot be read."""
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise NoFileError(f"{path} does not exist: give an audio file ({READABLE})") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path} cannot be read: {error}") from error
    if stat.S_ISDIR(found.st_mode):
        raise AudioError(f"{path} is a directory: give its files, {path}/*")
    if not stat.S_ISREG(found.st_mode):  # of a pipe or device nobody knows whether it ever begins or ends
        raise NoFileError(f"{path} is not a regular file: give an audio file ({READABLE})")
    if found.st_size == 0:
        raise AudioError(f"{path} is empty: record or copy it again")
    try:
        with path.open("rb") as file:
            return file.read(HEADER_BYTES)
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error}") from error
