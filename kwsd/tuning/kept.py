"""Encoder frames of recordings, kept in a folder: the encoder runs once, and what was done stays done after Ctrl-C."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import NoReturn

from kwsd.acoustic.frame_file import FrameFile, FrameFileError
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.audio.file import FileSource
from kwsd.errors import AudioError, KwsdError
from kwsd.homes import exists, is_directory
from kwsd.small_files import write_private
from kwsd.stream import Chunk, Frames
from kwsd.timebase import ENCODER_SHIFT_SAMPLES, SAMPLE_RATE, samples

PIECE_S = 300.0  # of sound in a file: as much as an interruption may cost
SUFFIX = ".frames"
CURVES_FILE = "curves.jsonl"
"""What was measured last, beside the frames: for the page."""
LISTENED = "listened"
"""What the pieces of a room begin with that was listened to."""
STAYS = "what was kept before stays"
SOUNDS = {".wav", ".flac", ".ogg", ".opus", ".mp3"}

Advance = Callable[[int], None]
"""Told of samples that are done."""


class KeptFrames:
    """A folder of frames that one model gave. Private: what was said can in part be made out from frames."""

    def __init__(self, folder: Path, model: Model) -> None:
        """Raises KwsdError: the folder cannot be made."""
        self.folder = folder / model.encoder.fingerprint[:12]
        self._model = model
        try:
            for missing in reversed([path for path in (self.folder, *self.folder.parents) if not path.exists()]):
                missing.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise KwsdError(f"{folder}: cannot be made: {error.strerror}; give another with --work") from error

    def keep(self, path: Path, advance: Advance, read: Callable[[Path], Iterator[Chunk]] | None = None) -> list[Path]:
        """The frames of a recording, of which only pieces are encoded that are not there yet; `read` may prepare it.

        Raises:
            AudioError: it cannot be read as sound.
            KwsdError: the frames cannot be written; whole pieces stay.
        """
        found = path.stat() if exists(path) else None
        mark = f"{path.resolve()} {found.st_size} {found.st_mtime_ns} {read and read.__name__}" if found else str(path)
        name = sha256(os.fsencode(mark)).hexdigest()[:16]
        done = self.folder / f"{name}.done"
        if done.exists():
            pieces = [self.folder / line for line in done.read_text().split()]
            if pieces and all(piece.exists() for piece in pieces):
                advance(sum(map(samples_of, pieces)))
                return pieces
        chunks, pieces = iter(read(path) if read else FileSource(path)), list[Path]()
        for first in chunks:
            pieces.append(self.folder / f"{name}-{len(pieces):04}{SUFFIX}")
            piece = chain([first], until(chunks, first.start_sample + samples(PIECE_S)))
            if pieces[-1].exists():
                for chunk in piece:
                    advance(len(chunk.samples))
            else:
                self._write(pieces[-1], encoded(self._model, piece, advance), keeps_part=False)
        try:
            write_private(done, "".join(f"{piece.name}\n" for piece in pieces))
        except OSError as error:
            raise KwsdError(f"{self.folder}: cannot be written: {error.strerror}; {STAYS}") from error
        return pieces

    def listened(self, room: Iterable[Frames], advance: Advance) -> Iterator[Path]:
        """The frames of a room, from now on, beside those that are there: a file for each piece as soon as it is whole.

        What ends it too soon, also an error, costs nothing of what came.

        Raises:
            KwsdError: the frames cannot be written.
        """
        name = f"{LISTENED}-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
        source = iter(room)
        for number, first in enumerate(source):
            path = self.folder / f"{name}-{number:04}{SUFFIX}"
            self._write(path, one_piece(first, source, advance), keeps_part=True)
            yield path

    def _write(self, path: Path, piece: Iterable[Frames], *, keeps_part: bool) -> None:
        try:
            with FrameFile.create(path, self._model.encoder, "float16", keeps_part=keeps_part) as file:
                path.with_name(path.name + ".part").chmod(0o600)
                for frames in piece:
                    file.write(frames)
        except OSError as error:
            raise KwsdError(f"{self.folder}: cannot be written: {error.strerror}; {STAYS}") from error

    def listened_to(self) -> list[Path]:
        """The pieces of all that was ever listened to."""
        return sorted(self.folder.glob(f"{LISTENED}*{SUFFIX}"))

    def read(self, pieces: Iterable[Path]) -> Iterator[Frames]:
        """The frames of pieces one after the other, each of which begins anew. Raises FrameFileError."""
        begins = 0
        for path in pieces:
            file = FrameFile(path)
            if file.fingerprint != self._model.encoder.fingerprint:
                raise FrameFileError(f"{path}: was made by another model; record or encode it again")
            ends = begins
            for frames in file.read():
                ends = begins + frames.arrived_sample
                yield replace(frames, origin_sample=begins + frames.origin_sample, arrived_sample=ends)
            begins = ends + SAMPLE_RATE


def encoded(model: Model, chunks: Iterable[Chunk], advance: Advance = lambda _: None) -> Iterator[Frames]:
    """The frames of a stream of its own."""
    stream = AcousticStream(model)
    for chunk in chunks:
        yield from stream.push(chunk)
        advance(len(chunk.samples))
    yield from stream.finish()


def one_piece(first: Frames, others: Iterator[Frames], advance: Advance) -> Iterator[Frames]:
    """Frames of PIECE_S, as if their stream began with the first."""
    begins, length = first.origin_sample + first.first * ENCODER_SHIFT_SAMPLES, 0
    for frames in chain([first], others):
        goes_on = frames.origin_sample == first.origin_sample
        yield replace(
            frames,
            origin_sample=0 if goes_on else frames.origin_sample - begins,
            first=frames.first - first.first if goes_on else frames.first,
            arrived_sample=frames.arrived_sample - begins,
        )
        advance(frames.count * ENCODER_SHIFT_SAMPLES)
        length += frames.count * ENCODER_SHIFT_SAMPLES
        if length >= samples(PIECE_S):
            return


def until(chunks: Iterator[Chunk], end_sample: int) -> Iterator[Chunk]:
    """The next chunks of a stream, up to the one that reaches a sample."""
    for chunk in chunks:
        yield chunk
        if chunk.end_sample >= end_sample:
            return


def hours_of(pieces: Iterable[Path]) -> float:
    """Sound in files of frames."""
    return sum(map(samples_of, pieces)) / SAMPLE_RATE / 3600


def samples_of(piece: Path) -> int:
    """Sound in a file of frames."""
    return sum(frames.count for frames in FrameFile(piece).read()) * ENCODER_SHIFT_SAMPLES


def recordings(given: Sequence[Path]) -> list[Path]:
    """Files as they are given, and the recordings in folders.

    Raises:
        AudioError: one is not there or cannot be read, or a folder has no recordings.
    """
    found: list[Path] = []
    for path in given:
        if not is_directory(path):
            found.append(path)
            continue
        try:
            inside = sounds_in(path)
        except OSError as error:
            raise AudioError(f"{error.filename}: cannot be read: {error.strerror}") from error
        if not inside:
            raise AudioError(f"{path}: has no recordings that can be read ({', '.join(sorted(SOUNDS))})")
        found += inside
    return found


def sounds_in(folder: Path) -> list[Path]:
    """Recordings in a folder and those within it. Raises OSError: one of them cannot be read, which would hide some."""

    def refuse(error: OSError) -> NoReturn:
        raise error

    files = (Path(inside, name) for inside, _, names in os.walk(folder, onerror=refuse) for name in names)
    return sorted(file for file in files if file.suffix.lower() in SOUNDS)
