"""Encoder frames of a stream, kept on disk: a run with other settings then costs only the search.

Nothing that is timed or weighed uses them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import kwsd
from kwsd.acoustic.frame_file import FrameFile
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Chunk
from measure.paths import MODEL, WORK
from measure.wav import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kwsd.stream import Frames
    from measure.wav import Samples

SAMPLE = MODEL / "test_wavs" / "0.wav"


def frames_of(model: kwsd.Model, wav: Path) -> Iterator[Frames]:
    """All frames of a WAV and of the silence that ends it, encoded only where that has not been done before."""
    path = frame_path(model, wav)
    if not path.exists():
        with FrameFile.create(path, model.encoder) as file:
            for frames in encode(model, blocks(wav)):
                file.write(frames)
    return FrameFile(path).read()


def encode(model: kwsd.Model, sound: Iterable[Samples]) -> Iterator[Frames]:
    """Sound → its frames, as a spotter makes them."""
    stream = AcousticStream(model)
    for block in sound:
        yield from stream.push(Chunk(stream.next_sample or 0, block, ""))
    yield from stream.finish()


def frame_path(model: kwsd.Model, wav: Path) -> Path:
    """Named after the audio file, and after what features, encoder and weights make of a sample of speech."""
    state = wav.stat()
    digest = hashlib.sha256(repr((wav.name, state.st_size, state.st_mtime_ns)).encode())
    digest.update(fingerprint(model))
    return WORK / "frames" / f"{wav.stem}-{digest.hexdigest()[:16]}.frames"


@cache
def fingerprint(model: kwsd.Model) -> bytes:
    """Bytes of the frames of one of the model's recordings."""
    outputs = (frames.encoder_out for frames in encode(model, blocks(SAMPLE)))
    return b"".join(encoder_out.tobytes() for encoder_out in outputs if encoder_out is not None)
