"""A hundred wake words, trimmed and 20 s apart, in rooms of every kind: what a quiet gate must not lose."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from measure import manifests, sound, streams
from measure.paths import SHARED, WORK
from measure.scoring import Label
from measure.wav import RATE, Samples, rms, silence

CLIPS = 100
APART_S = 20.0
ALONE_S = 300.0
TRIM_DB, MARGIN_S = 35.0, 0.06
WHISPER_DBFS = -45.0
ONSET_S = 0.35

Clip = tuple[str, Samples]


@dataclass(frozen=True, slots=True)
class RoomStream:
    """How a room sounds, and what is said in it."""

    noise: Callable[[int], Samples]
    """So many samples of what is heard when nobody speaks."""
    change: Callable[[Samples], Samples] | None
    """Of each clip before it is laid in; None says nothing at all."""


def white(dbfs: float) -> Callable[[int], Samples]:
    """Steady hiss."""
    return lambda length: np.random.default_rng(0).normal(0, factor(dbfs), length).astype(np.float32)


def pink(dbfs: float) -> Callable[[int], Samples]:
    """Steady rumble and hiss, as much in every octave."""

    def noise(length: int) -> Samples:
        spectrum = np.fft.rfft(np.random.default_rng(0).normal(0, 1, length))
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
        flat = np.fft.irfft(spectrum, length)
        return np.asarray(flat * (factor(dbfs) / flat.std()), np.float32)

    return noise


def household(dbfs: float) -> Callable[[int], Samples]:
    """All of shared/noise one after the other: dogs, babies, clocks, rain, saws, each file at this level."""
    return lambda length: streams.noise(length, random.Random(1)) * np.float32(factor(dbfs))


def factor(decibels: float) -> float:
    """Decibels → amplitude."""
    return float(10 ** (decibels / 20))


def as_recorded(clip: Samples) -> Samples:
    """As it is."""
    return clip


def whispered(clip: Samples) -> Samples:
    """As soft as a whisper across the room."""
    return clip * np.float32(factor(WHISPER_DBFS) / rms(clip))


def swelling(clip: Samples) -> Samples:
    """It begins with nothing and is there a third of a second later."""
    onset = min(len(clip), int(ONSET_S * RATE))
    return clip * np.concatenate([np.linspace(0, 1, onset) ** 2, np.ones(len(clip) - onset)]).astype(np.float32)


ROOMS: Mapping[str, RoomStream] = {
    "quiet, -60 dBFS": RoomStream(white(-60), as_recorded),
    "changing household noise, -50 dBFS": RoomStream(household(-50), as_recorded),
    "steady noise, -40 dBFS": RoomStream(pink(-40), as_recorded),
    "quiet, clips at -45 dBFS": RoomStream(white(-60), whispered),
    "quiet, clips that begin softly": RoomStream(white(-60), swelling),
    "household noise, clips that begin softly": RoomStream(household(-50), swelling),
    "quiet, nothing said": RoomStream(white(-60), None),
}


def build(room: RoomStream) -> tuple[Samples, list[Label]]:
    """The sound and what is said in it."""
    if room.change is None:
        return room.noise(int(ALONE_S * RATE)), []
    draw, parts, labels, position = random.Random(2), [], [], 0
    for phrase, clip in trimmed_clips():
        pause = silence(APART_S * draw.uniform(0.9, 1.1) - len(clip) / RATE)
        position += len(pause)
        labels.append(Label(position / RATE, (position + len(clip)) / RATE, phrase))
        position += len(clip)
        parts += [pause, room.change(clip)]
    said = np.concatenate([*parts, silence(streams.TAIL_S)])
    return np.clip(said + room.noise(len(said)), -1, 1), labels


def written(name: str) -> tuple[Path, list[Label]]:
    """The room's stream as a WAV, made once."""
    path = WORK / "streams" / f"room-{name.replace(' ', '-').replace(',', '')}.wav"
    if not (path.exists() and path.with_suffix(".tsv").exists()):
        heard, labels = build(ROOMS[name])
        streams.write(path, heard, labels)
    return path, list(streams.read_labels(path))


def trimmed_clips() -> list[Clip]:
    """Phrase and sound; the room that a clip was recorded in would open a gate early."""
    rows = manifests.read(SHARED / "wakewords" / "manifest.tsv")
    random.Random(1).shuffle(rows)
    return [(row["phrase"], trimmed(sound.read(SHARED / "wakewords" / row["path"]))) for row in rows[:CLIPS]]


def trimmed(clip: Samples) -> Samples:
    """From where it first comes within TRIM_DB of its loudest 25 ms to where it last does, and a margin."""
    window = RATE // 40
    level = np.sqrt(np.convolve(np.square(clip), np.ones(window) / window, "same"))
    loud = np.flatnonzero(level > level.max() * factor(-TRIM_DB))
    margin = int(MARGIN_S * RATE)
    return clip[max(0, loud[0] - margin) : loud[-1] + margin]
