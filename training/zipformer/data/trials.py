"""What a model is measured on: short recordings with the phrases that are said in them."""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import soundfile

from training.zipformer.data.records import read_table
from training.zipformer.data.synthesis import HELD_OUT, Voice, speak

Item = TypeVar("Item")

RATE = 16000
WORDS = (
    "WHICH",
    "LITTLE",
    "BEFORE",
    "GREAT",
    "LIGHT",
    "YOUNG",
    "THROUGH",
    "WORLD",
    "ALWAYS",
    "PEOPLE",
    "THOUGHT",
    "MISTER",
)
"""The twelve keywords of upstream's model card."""
WAKE_WORDS = ("ALEXA", "JARVIS", "SNOWBOY")
COMMANDS = ("YES", "NO", "UP", "DOWN", "LEFT", "RIGHT", "ON", "OFF", "STOP", "GO")
SMALL_COMMANDS = Path("keywords") / "commands_small.txt"
MARGIN_S = 0.5
"""Near-silence around isolated phrases."""
FLOOR = 2e-4
"""Standard deviation of the noise floor under everything, full scale 1."""
NOISE_DB = 10.0


@dataclass(frozen=True)
class Trial:
    """One recording and what is said in it."""

    samples: npt.NDArray[np.float32]
    """16 kHz"""
    phrases: frozenset[str]
    """the phrases looked for that are said; empty for a negative"""


def words(shared: Path, limit: int) -> tuple[list[str], list[Trial]]:
    """Give the twelve keywords in LibriSpeech utterances of dev speakers, and utterances without any."""
    rows = [
        row
        for row in read_table(shared / "speech" / "manifest.tsv")
        if row["split"] == "dev" and row["corpus"].startswith("librispeech")
    ]
    trials = []
    for row in rows[: limit or None]:
        said = frozenset(row["transcript"].split()) & frozenset(WORDS)
        trials.append(Trial(_read(shared / "speech" / row["path"]), said))
    return list(WORDS), trials


def wake_words(shared: Path, limit: int) -> tuple[list[str], list[Trial]]:
    """Give recordings of three wake words, and dev speech of every corpus as negatives."""
    rows = _sample(read_table(shared / "wakewords" / "manifest.tsv"), limit)
    trials = [Trial(_between_silence(_read(shared / "wakewords" / r["path"])), frozenset({r["phrase"]})) for r in rows]
    speech = [row for row in read_table(shared / "speech" / "manifest.tsv") if row["split"] == "dev"]
    quiet = [Trial(_read(shared / "speech" / row["path"]), frozenset()) for row in _sample(speech, limit)]
    return list(WAKE_WORDS), trials + quiet


def commands(shared: Path, limit: int) -> tuple[list[str], list[Trial]]:
    """Give ten command words of Speech Commands, and its other words and noises as negatives."""
    folder = shared / "speech_commands" / "test_a"
    trials = []
    for row in _sample(read_table(folder / "manifest.tsv"), limit):
        word = row["class"].upper()
        said = frozenset({word}) & frozenset(COMMANDS)
        trials.append(Trial(_between_silence(_read(folder / row["path"])), said))
    return list(COMMANDS), trials


def spoken_phrases(shared: Path, limit: int) -> tuple[list[str], list[Trial]]:
    """Give the small command list, spoken by voices that are never trained on, in noise at 10 dB."""
    phrases = [line.strip() for line in (shared / SMALL_COMMANDS).read_text().splitlines() if line.strip()]
    noises = [row for row in read_table(shared / "noise" / "manifest.tsv") if float(row["seconds"]) > 4.0]
    choose, trials = random.Random(0), []
    pairs = [(phrase, label) for label in HELD_OUT for phrase in phrases]
    with tempfile.TemporaryDirectory() as folder:
        for phrase, label in _sample(pairs, limit):
            clean = _between_silence(speak(phrase, Voice.from_label(label), Path(folder) / "spoken.wav"))
            noise = _read(shared / "noise" / choose.choice(noises)["path"])
            trials.append(Trial(_mix(clean, noise), frozenset({phrase})))
    return phrases, trials


def _read(path: Path) -> npt.NDArray[np.float32]:
    samples, _ = soundfile.read(path, dtype="float32")
    clipped: npt.NDArray[np.float32] = np.clip(samples, -1.0, 1.0)
    return clipped


def _between_silence(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    margin = np.zeros(int(MARGIN_S * RATE), np.float32)
    joined = np.concatenate([margin, samples, margin])
    return joined + np.random.default_rng(0).normal(0.0, FLOOR, len(joined)).astype(np.float32)


def _mix(speech: npt.NDArray[np.float32], noise: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    repeated = np.resize(noise, len(speech))
    ratio = np.sqrt(np.mean(speech**2)) / max(1e-6, float(np.sqrt(np.mean(repeated**2))))
    mixed: npt.NDArray[np.float32] = (speech + repeated * ratio * 10 ** (-NOISE_DB / 20)).astype(np.float32)
    return mixed.clip(-1.0, 1.0)


def _sample(items: list[Item], limit: int) -> list[Item]:
    return random.Random(0).sample(items, min(limit, len(items))) if limit else items
