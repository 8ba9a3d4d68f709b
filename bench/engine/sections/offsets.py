"""Isolated phrases after silence of every length: does the engine still hear after having waited?"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bench.engine.hearing import Engine
from bench.engine.peer import Peer
from bench.engine.product import Product
from bench.engine.report import Section
from measure import sound
from measure.paths import MODEL
from measure.progress import track
from measure.wav import RATE, Samples, cut, silence

TRIALS = 70
FIRST_S, STEP_S = 0.5, 0.05  # silence in front: 0.5, 0.55 … 3.95 s
TAIL_S = 1.2
NOISE_RMS = 0.002
PEER = (1.0, 0.25)  # its own defaults


@dataclass(frozen=True, slots=True)
class Clip:
    """A phrase within one of the model's recordings."""

    phrase: str
    recording: str
    start_s: float
    end_s: float


CLIPS = (
    Clip("LIGHT UP", "0.wav", 2.70, 3.40),
    Clip("LOVELY CHILD", "1.wav", 5.00, 6.30),
    Clip("FOREVER", "1.wav", 10.58, 11.25),
)
"""Cut in the pauses around the words, to the 20 ms so that the peer finds what its published trials say: 64, 64, 59."""


def measure(jobs: int) -> Section:
    """How many trials of each phrase either engine hears."""
    del jobs
    phrases = tuple(clip.phrase for clip in CLIPS)
    engines: list[Engine] = [Peer(phrases, *PEER), Product(phrases)]
    found = {engine.title: [heard(engine, clip) for clip in CLIPS] for engine in engines}
    rows = [[title, *(f"{count} of {TRIALS}" for count in counts)] for title, counts in found.items()]
    longest_s = FIRST_S + STEP_S * (TRIALS - 1)
    notes = [
        f"phrases cut from the model's recordings, {FIRST_S} to {longest_s:.2f} s of silence ahead, {TAIL_S} s behind",
        f"white noise of {NOISE_RMS} rms over all; a fresh stream per trial",
    ]
    return Section("offsets", "Phrases after near-silence", ("engine", *phrases), rows, notes, figures=found)


def heard(engine: Engine, clip: Clip) -> int:
    """Trials in which the phrase is reported."""
    recording = sound.read(MODEL / "test_wavs" / clip.recording)
    word = recording[round(clip.start_s * RATE) : round(clip.end_s * RATE)]
    offsets = track(range(TRIALS), f"{engine.title}: {clip.phrase}")
    return sum(any(hit.phrase == clip.phrase for hit in engine.hear(trial(word, number))) for number in offsets)


def trial(word: Samples, number: int) -> Iterator[Samples]:
    """Silence, the word, silence, in blocks; the trial's number is the seed of its noise."""
    parts = (silence(FIRST_S + STEP_S * number + 1e-9), word, silence(TAIL_S))
    quiet = np.concatenate(parts)
    return cut(quiet + np.random.default_rng(number).normal(0, NOISE_RMS, len(quiet)).astype(np.float32))
