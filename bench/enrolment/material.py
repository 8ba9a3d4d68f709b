"""Recordings of words, and hours of speech in which nobody says them, as encoder frames that are kept."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha1
from pathlib import Path

import numpy as np

from kwsd.acoustic.frame_file import FrameFile
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.stream import Chunk, Frames
from kwsd.timebase import SAMPLE_RATE
from kwsd.tuning.hear import SECONDS_PER_HOUR, Heard, frames_of_take
from kwsd.tuning.takes import TakeError, trim_take
from measure import manifests, sound
from measure.paths import SHARED, WORK
from measure.progress import track
from measure.scoring import Label
from measure.streams import UTTERANCE_GAP_S, floor, speech_rows
from measure.wav import RATE, silence

SHARE_APART, SHARE_ROOM = 21, 70  # of a hundred of the untranscribed clips, by the hash of their path
MOST_IN_ROOM = 1200  # utterances
TOGETHER = 200  # utterances in a file: what an interruption may cost
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


@dataclass(frozen=True, slots=True)
class Utterance:
    """Where a clip lies in a background."""

    path: str
    start_s: float
    """Of the pause before it."""
    end_s: float
    said: str
    """By a machine's transcript where there is no other; empty where there is none."""


@cache
def utterances(name: str) -> tuple[Utterance, ...]:
    """Speech in the order of its frames.

    `room` is what enrolling holds candidates against, as `kwsctl tune --listen 2h` gathers it: other clips of what
    `apart` has, which was set apart before the first run, for the test alone.
    """
    machine = {row["path"]: row["transcript"] for row in manifests.read(SHARED / "speech" / "teacher_labels.tsv")}
    found, end_s = [], 0.0
    for row in speech_rows():
        if in_part(row, name):
            start_s, end_s = end_s, end_s + UTTERANCE_GAP_S + float(row["seconds"])
            found.append(Utterance(row["path"], start_s, end_s, row["transcript"] or machine.get(row["path"], "")))
    return tuple(found[:MOST_IN_ROOM] if name == "room" else found)


def hours_of(name: str) -> float:
    """How much speech there is."""
    return utterances(name)[-1].end_s / SECONDS_PER_HOUR


def unsaid(phrase: str, hits: Iterable[Heard], name: str) -> list[Heard]:
    """Hits in a background without those in clips where the phrase is said: they are no false alarms."""
    said = [each for each in utterances(name) if f" {phrase} " in f" {each.said} "]
    return [hit for hit in hits if not any(each.start_s <= hit.end_s <= each.end_s + 1 for each in said)]


def background_frames(model: Model, name: str) -> list[Frames]:
    """Frames of that speech, which are made where they are not there yet."""
    frames, every = [], utterances(name)
    for first in track(range(0, len(every), TOGETHER), name):
        begins = round(every[first].start_s * SAMPLE_RATE)
        for each in FrameFile(background_file(model, name, first)).read():
            moved, arrived = begins + each.origin_sample, begins + each.arrived_sample
            frames.append(replace(each, origin_sample=moved, arrived_sample=arrived))
    return frames


def background_file(model: Model, name: str, first: int) -> Path:
    """Frames of the utterances from that number on, which are a stream of their own."""
    file = FOLDER / f"{name}-{model.encoder.fingerprint[:12]}" / f"{first}.frames"
    if not file.exists():
        some = utterances(name)[first : first + TOGETHER]
        pieces = (np.concatenate([silence(UTTERANCE_GAP_S), clip(each.path)]) for each in some)
        keep(model, file, (piece + floor(len(piece), seed=0) for piece in pieces))
    return file


def in_part(row: manifests.Row, name: str) -> bool:
    """Whether an utterance belongs to a background."""
    number = int(sha1(row["path"].encode(), usedforsecurity=False).hexdigest(), 16) % 100
    untranscribed = row["corpus"] == "commonvoice-en-korliu-untranscribed"
    if name == "room":
        return untranscribed and SHARE_APART <= number < SHARE_ROOM
    return row["corpus"] == "libri-251" or (untranscribed and number < SHARE_APART)


def keep(model: Model, file: Path, pieces: Iterable[np.ndarray[tuple[int], np.dtype[np.float32]]]) -> None:
    """Encode one stream and keep its frames."""
    stream = AcousticStream(model)
    with FrameFile.create(file, model.encoder, "float16") as writing:
        for piece in pieces:
            for frames in stream.push(Chunk(stream.next_sample or 0, piece.astype(np.float32), "")):
                writing.write(frames)
        for frames in stream.finish():
            writing.write(frames)
