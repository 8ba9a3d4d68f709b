"""Encoder frames of a stream, kept on disk: a run with other settings then costs only the search.

The encoder's output depends on sound and weights alone, so replaying it changes no detection. Nothing that is timed
or weighed uses a tape.
"""

from __future__ import annotations

import copy
import hashlib
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import kwsd
from bench.paths import MODEL, WORK
from bench.wav import blocks, silence
from kwsd.acoustic.encoder import EncoderStream
from kwsd.acoustic.fbank import Fbank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from bench.wav import Samples

TAIL_S = 3.0  # silence recorded behind the stream: more than Spotter.finish() asks for
SAMPLE = MODEL / "test_wavs" / "0.wav"


class Tape:
    """Stands where a model's encoder stands, and plays. Its state is the number of the next chunk."""

    def __init__(self, model: kwsd.Model, path: Path) -> None:
        """Play the frames in `path`, float32 (n, C)."""
        self.chunk_frames = model.encoder.chunk_frames
        self.shift_frames = model.encoder.shift_frames
        self.output_frames = model.encoder.output_frames
        self._frames = np.load(path, mmap_mode="r")

    def initial_state(self) -> list[NDArray[Any]]:
        """The beginning of the tape."""
        return [np.zeros(1, np.int64)]

    def run(
        self, fbank: NDArray[np.float32], state: list[NDArray[Any]]
    ) -> tuple[NDArray[np.float32], list[NDArray[Any]]]:
        """The next chunk's frames (8, C), whatever the features are."""
        del fbank
        start = int(state[0][0]) * self.output_frames
        frames = np.array(self._frames[start : start + self.output_frames])
        if len(frames) < self.output_frames:
            raise EOFError("the tape is shorter than the stream; delete bench/.work/tapes")
        return frames, [state[0] + 1]


def taped(model: kwsd.Model, wav: Path) -> kwsd.Model:
    """The same model with a tape of this WAV for an encoder; made first where there is none."""
    path = tape_path(model, wav)
    if not path.exists():
        record(model, wav, path)
    player = copy.copy(model)
    player.encoder = Tape(model, path)  # type: ignore[assignment] # it is an encoder in all that a spotter uses
    return player


def record(model: kwsd.Model, wav: Path, path: Path) -> None:
    """Encodes the whole WAV and some silence, as a spotter does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, encode(model, chain(blocks(wav), [silence(TAIL_S)])))
    part.replace(path)


def encode(model: kwsd.Model, sound: Iterable[Samples]) -> NDArray[np.float32]:
    """Sound → all its encoder frames (n, C)."""
    fbank, encoder = Fbank(model.encoder.chunk_frames, model.encoder.shift_frames), EncoderStream(model.encoder)
    frames = (encoder.step(chunk) for block in sound for chunk in fbank.accept(block))
    return np.concatenate([chunk for chunk in frames if chunk is not None])


def tape_path(model: kwsd.Model, wav: Path) -> Path:
    """Named after the audio file, and after what features, encoder and weights make of a sample of speech."""
    state = wav.stat()
    digest = hashlib.sha256(repr((wav.name, state.st_size, state.st_mtime_ns)).encode())
    digest.update(fingerprint(model))
    return WORK / "tapes" / f"{wav.stem}-{digest.hexdigest()[:16]}.npy"


@cache
def fingerprint(model: kwsd.Model) -> bytes:
    """Bytes of the frames of one of the model's recordings."""
    return encode(model, blocks(SAMPLE)).tobytes()
