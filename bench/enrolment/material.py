"""Recordings of words, and hours of speech in which nobody says them, as encoder frames that are kept."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha1
from pathlib import Path

import numpy as np

from kwsd.acoustic.frame_file import FrameFile
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Chunk, Frames
from kwsd.tuning.hear import frames_of_take
from kwsd.tuning.takes import TakeError, trim_take
from measure import manifests, sound
from measure.paths import SHARED, WORK
from measure.progress import track
from measure.scoring import Label
from measure.streams import UTTERANCE_GAP_S, floor, speech_rows
from measure.wav import RATE, silence

SHARE_APART = 21  # of a hundred of the untranscribed clips, by the hash of their path
GAPS_S = (1.0, 2.0)
FOLDER = WORK / "enrol"


@cache
def take_frames(model: Model, path: str) -> tuple[Frames, ...]:
    """Frames of a take, kept on disk; none where it is refused."""
    file = FOLDER / "takes" / model.encoder.fingerprint[:12] / f"{path.replace('/', '-')}.frames"
    if not file.exists():
        try:
            frames = frames_of_take(model, trim_take(path, clip(path)))
        except TakeError:
            frames = ()
        with FrameFile.create(file, model.encoder, "float16") as writing:
            for each in frames:
                writing.write(each)
    return tuple(FrameFile(file).read())


def clip(path: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Samples of a recording."""
    return np.clip(sound.read(SHARED / "speech" / path), -1, 1)


def word_stream(model: Model, word: str, paths: Sequence[str]) -> tuple[list[Frames], list[Label]]:
    """The recordings of a word in one stream, with pauses; labels have their paths."""
    chance, parts, labels, position = random.Random(1), [], [], 0
    for path in paths:
        gap, recording = silence(chance.uniform(*GAPS_S)), clip(path)
        parts += [gap, recording]
        start = position + len(gap)
        position = start + len(recording)
        labels.append(Label(start / RATE, position / RATE, path))
    stream = np.concatenate([*parts, silence(1.0)])
    file = FOLDER / "words" / model.encoder.fingerprint[:12] / f"{word.replace(' ', '_')}.frames"
    if not file.exists():
        keep(model, file, [stream + floor(len(stream), seed=1)])
    return list(FrameFile(file).read()), labels


def hours_of(name: str) -> float:
    """How much speech there is.

    `dev` is what enrolling holds candidates against; `apart` was set apart before the first run, for the test alone.
    """
    rows = [row for row in speech_rows() if in_part(row, name)]
    return sum(float(row["seconds"]) + UTTERANCE_GAP_S for row in rows) / 3600


def background_frames(model: Model, name: str) -> list[Frames]:
    """Frames of that speech, which are made where they are not there yet."""
    rows = [row for row in speech_rows() if in_part(row, name)]
    file = FOLDER / f"{name}-{model.encoder.fingerprint[:12]}.frames"
    if not file.exists():
        pieces = (np.concatenate([silence(UTTERANCE_GAP_S), clip(row["path"])]) for row in track(rows, name))
        keep(model, file, (piece + floor(len(piece), seed=0) for piece in pieces))
    return list(FrameFile(file).read())


def in_part(row: manifests.Row, name: str) -> bool:
    """Whether an utterance belongs to a background."""
    if name == "dev":
        single = ("custom", "speechcommands", "speechocean")
        return row["split"] == "dev" and not row["corpus"].startswith(single)
    number = int(sha1(row["path"].encode(), usedforsecurity=False).hexdigest(), 16) % 100
    untranscribed = row["corpus"] == "commonvoice-en-korliu-untranscribed" and number < SHARE_APART
    return untranscribed or row["corpus"] == "libri-251"


def keep(model: Model, file: Path, pieces: Iterable[np.ndarray[tuple[int], np.dtype[np.float32]]]) -> None:
    """Encode one stream and keep its frames."""
    stream = AcousticStream(model)
    with FrameFile.create(file, model.encoder, "float16") as writing:
        for piece in pieces:
            for frames in stream.push(Chunk(stream.next_sample or 0, piece.astype(np.float32), "")):
                writing.write(frames)
        for frames in stream.finish():
            writing.write(frames)
