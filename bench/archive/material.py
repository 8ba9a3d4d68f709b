"""Recordings to index, made of read speech, and lists of phrases to look for in them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import numpy as np
import soundfile

from measure import sound
from measure.paths import ROOT, SHARED
from measure.streams import speech_rows
from measure.wav import RATE, Samples
from testkit.tiny_model import silence, speak, with_noise

CORPUS = "librispeech"
MODEL = ROOT / "models" / "kwsd-en"  # what archives are meant for; upstream's model costs four times as much
MANY, FEW = 10_000, 20
PLANTED = "light up"  # what the tiny model of the tests hears
EVERY_S, BEFORE_S = 480, 0.5  # it begins so long before each of these times; kwsd-archive cuts at every other of them


def recordings(folder: Path, count: int, each_s: float) -> list[Path]:
    """FLAC files of that length in a new folder, clip behind clip without a pause, from the first again at the end."""
    folder.mkdir(parents=True)
    speech, paths = _running_speech(), []
    for number in range(count):
        path = folder / f"{number:03}.flac"
        with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
            missing = round(each_s * RATE)
            while missing:
                block = next(speech)
                file.write(np.clip(block[:missing], -1, 1))
                missing -= min(missing, len(block))
        paths.append(path)
    return paths


def _running_speech() -> Iterator[Samples]:
    rows = sorted(_rows(), key=lambda row: row["split"])  # dev first: the model has never heard it
    yield from (sound.read(SHARED / "speech" / row["path"]) for row in cycle(rows))


def _rows() -> list[dict[str, str]]:
    return [row for row in speech_rows() if row["corpus"].startswith(CORPUS)]


def lists() -> dict[str, tuple[list[str], list[str]]]:
    """Few and many phrases, by where they are from: said all the time, and put together by chance."""
    words: Counter[str] = Counter()
    pairs: Counter[str] = Counter()
    for row in _rows():
        said = row["transcript"].lower().split()
        words.update(said)
        pairs.update(map(" ".join, pairwise(said)))
    said_pairs = [pair for pair, _ in pairs.most_common(MANY)]
    draw, chance = random.Random(0), dict[str, None]()
    known = sorted(word for word in words if len(word) > 2)
    while len(chance) < MANY:
        chance[f"{draw.choice(known)} {draw.choice(known)}"] = None
    return {
        "two words of its vocabulary, drawn at random": (list(chance)[:FEW], list(chance)),
        "its commonest pairs of words": (said_pairs[:FEW], said_pairs),
    }


def planted(path: Path, hours: float) -> list[float]:
    """A WAV of that length: a phrase every 8 minutes, across every cut, and holes between → when it is said, seconds.

    A hole is silence that takes no place on the disk.
    """
    said = np.rint(with_noise(np.concatenate([silence(1.0), speak(PLANTED.upper()), silence(1.0)]), 1e-3) * 32767)
    times = [at - BEFORE_S for at in range(EVERY_S, round(hours * 3600), EVERY_S)]
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16", format="RF64") as file:
        for at_s in times:
            file.seek(round((at_s - 1.0) * RATE))
            file.write(said.astype(np.int16))
        file.seek(round(hours * 3600 * RATE) - 1)
        file.write(np.zeros(1, np.int16))
    return times
