"""Sound of the shared folders as pictures: clips, negatives from speech, noise, babble, rooms."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.commands12.frontend import BANDS, CLIP_FRAMES, FloatArray, clip_picture, mel_power, pixels
from kwsd.timebase import FBANK_SHIFT_SAMPLES, SAMPLE_RATE
from measure import manifests
from measure.commands import commands_in
from measure.sound import read_exactly, unpadded

Pictures = NDArray[np.uint8]

WINDOW_HOP_FRAMES = 49
EDGE_SAMPLES = SAMPLE_RATE // 2  # of silence around an utterance: a window may see its beginning or end
SPEECH_EVERY = 8  # utterance: already more windows than a short run draws
SPOKEN_WORDS = "speechcommands-yes-no-up-down"
NOISE_LEVEL = 1e9  # mean band power that every noise window is brought to, so that 8 bits code it well
REVERB_FRAMES = 24


def as_uint8(grey: FloatArray) -> Pictures:
    """Float pixels → the nearest grey level."""
    return np.rint(grey).astype(np.uint8)


def windows(power: FloatArray, hop: int = WINDOW_HOP_FRAMES) -> FloatArray:
    """Band powers (frames, 40) → overlapping one-second windows (n, 98, 40)."""
    if len(power) < CLIP_FRAMES:
        return np.zeros((0, CLIP_FRAMES, BANDS), np.float32)
    starts = range(0, len(power) - CLIP_FRAMES + 1, hop)
    return np.stack([power[start : start + CLIP_FRAMES] for start in starts])


def clip_pictures(folder: Path, split: str) -> tuple[Pictures, tuple[str, ...]]:
    """Pictures that the live front end makes of one split of train_audio, and their words."""
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == split]
    return as_uint8(np.stack([clip_picture(unpadded(folder, row)) for row in rows])), tuple(row["word"] for row in rows)


def spoken_words(folder: Path) -> tuple[Pictures, tuple[str, ...]]:
    """Pictures of yes, no, up and down by the training speakers, with the whole band, and their words."""
    rows = [row for row in transcribed(folder) if row["corpus"] == SPOKEN_WORDS]
    words = tuple(row["transcript"].lower() for row in rows)
    return as_uint8(np.stack([clip_picture(read_exactly(folder / row["path"])) for row in rows])), words


def transcribed(folder: Path) -> list[manifests.Row]:
    """Utterances of training speakers whose words are known."""
    return [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == "train" and row["transcript"]]


def negatives(folder: Path) -> Pictures:
    """Windows of training speech whose transcript has none of the commands, with its beginnings and ends."""
    rows = [row for row in transcribed(folder) if not commands_in(row["transcript"])][::SPEECH_EVERY]
    spoken = (read_exactly(folder / row["path"]) for row in rows)
    return np.concatenate([as_uint8(pixels(windows(mel_power(np.pad(sound, EDGE_SAMPLES))))) for sound in spoken])


def noise_pictures(sounds: Iterable[FloatArray]) -> Pictures:
    """Noise of any kind → windows at one level, uint8 (n, 98, 40). Sounds under a second are repeated."""
    found = []
    for sound in sounds:
        long = np.tile(sound, -(-SAMPLE_RATE // len(sound))) if len(sound) < SAMPLE_RATE else sound
        power = windows(mel_power(long))
        mean = power.mean(axis=(1, 2), keepdims=True)
        found.append(as_uint8(pixels(power * (NOISE_LEVEL / np.maximum(mean, 1.0)))))
    return np.concatenate(found)


def reverb_envelopes(folder: Path) -> FloatArray:
    """Energy of each room response per 10 ms from its peak on, summing to 1: float32 (rooms, 24)."""
    envelopes = []
    for row in manifests.read(folder / "manifest.tsv"):
        response = read_exactly(folder / row["path"])
        tail = response[int(np.argmax(np.abs(response))) :] ** 2
        tail = np.pad(tail, (0, REVERB_FRAMES * FBANK_SHIFT_SAMPLES))[: REVERB_FRAMES * FBANK_SHIFT_SAMPLES]
        energy = tail.reshape(REVERB_FRAMES, FBANK_SHIFT_SAMPLES).sum(axis=1)
        envelopes.append(energy / energy.sum())
    return np.asarray(envelopes, np.float32)
