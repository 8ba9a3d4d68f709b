"""Orders of about 1.5 s behind wake words, made of recordings, with the places in which they begin and end."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from bench import SHARED
from measure import manifests, sound
from measure.wav import RATE, Samples, rms, silence
from measure.wordends import FRAME, smoothed_power, sounds, speech_end_s

SHORTEST_S, LONGEST_S = 1.2, 1.8
ALONE_S = 0.25
"""Of quiet before and behind the run of speech that is taken for an order, so that no sound of it is missing."""
GAPS_S = (0.0, 0.5)
"""Between wake word and order."""
PAUSES_S = (0.0, 0.5)
"""In the middle of the order, at its quietest place."""
SNRS_DB = (None, 10.0)
BEFORE_S, BEHIND_S = 6.0, 3.0
ROOM_RMS = 3e-4
CORPORA = ("librispeech", "commonvoice")


@dataclass(frozen=True, slots=True)
class SpokenOrder:
    """A stream of sound: the room, a wake word, an order, the room."""

    keyword: str
    samples: Samples
    gap_s: float
    pause_s: float
    snr_db: float | None
    start_s: float
    """Where the order begins."""
    end_s: float
    """Where it ends."""


def runs_of_speech(most: int, draw: np.random.Generator) -> Iterator[Samples]:
    """One run of speech of that length from each of the recordings of dev speakers."""
    folder = SHARED / "speech"
    rows = [
        row
        for row in manifests.read(folder / "manifest.tsv")
        if row["split"] == "dev" and row["corpus"].startswith(CORPORA)
    ]
    found = 0
    for number in draw.permutation(len(rows)):
        clip = sound.read_exactly(folder / rows[number]["path"])
        power = smoothed_power(clip)
        alone = round(ALONE_S * RATE / FRAME)
        for run in sounds(power):
            first, last = int(run[0]), int(run[-1]) + 1
            fits = SHORTEST_S * RATE <= (last - first) * FRAME <= LONGEST_S * RATE
            if fits and first > alone and last < len(power) - alone:
                found += 1
                yield clip[first * FRAME : last * FRAME]
                break
        if found == most:
            return


def spoken_orders(most: int, seed: int = 3) -> Iterator[SpokenOrder]:
    """`most` orders, each in all conditions; wake words and noises in turn."""
    draw = np.random.default_rng(seed)
    wakes = manifests.read(SHARED / "wakewords" / "manifest.tsv")
    draw.shuffle(wakes)
    noises = [row["path"] for row in manifests.read(SHARED / "noise" / "manifest.tsv")]
    chosen = draw.choice(noises, 40, replace=False)
    noise = np.concatenate([sound.read_exactly(SHARED / "noise" / path) for path in chosen])
    for number, order in enumerate(runs_of_speech(most, draw)):
        wake = wakes[number % len(wakes)]
        word = sound.read_exactly(SHARED / "wakewords" / wake["path"])
        word = word[: round(speech_end_s(word) * RATE)]
        for condition in product(GAPS_S, PAUSES_S, SNRS_DB):
            yield joined(wake["phrase"], word, order, condition, noise=noise, draw=draw)


def joined(
    keyword: str,
    word: Samples,
    order: Samples,
    condition: tuple[float, float, float | None],
    *,
    noise: Samples,
    draw: np.random.Generator,
) -> SpokenOrder:
    """One stream; the condition is gap, pause and ratio of speech to noise."""
    gap_s, pause_s, snr_db = condition
    order = order * (rms(word) / rms(order))
    power = smoothed_power(order)
    middle = len(power) // 2
    cut = (middle - 20 + int(np.argmin(power[middle - 20 : middle + 20]))) * FRAME
    body = np.concatenate([order[:cut], silence(pause_s), order[cut:]])
    before = np.concatenate([silence(BEFORE_S + draw.uniform(0, 0.32)), word, silence(gap_s)])
    whole = np.concatenate([before, body, silence(BEHIND_S)])
    whole = whole + draw.normal(0, ROOM_RMS, len(whole)).astype(np.float32)
    if snr_db is not None:
        at = int(draw.integers(0, len(noise) - len(whole)))
        piece = noise[at : at + len(whole)]
        whole += piece * (rms(order) * 10 ** (-snr_db / 20) / max(rms(piece), 1e-6))
    start_s = len(before) / RATE
    samples = np.asarray(np.clip(whole, -1, 1), np.float32)
    return SpokenOrder(keyword, samples, gap_s, pause_s, snr_db, start_s, start_s + len(body) / RATE)
