"""Wake words in the conditions of real life: fourteen rows over the same clips, each a stream of its own.

Clean; noise at 10, 5 and 0 dB; a room; in one breath with what follows, right behind other speech, between two
sentences; by telephone, recorded at 8 kHz; 40 dB down, driven 20 dB into clipping; slower and faster. The clips are dev
material (`../shared/wakewords`), and what is said beside them is by LibriSpeech's dev speakers.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from measure import manifests
from measure.scoring import Label
from training.zipformer.data.pack import RATE
from training.zipformer.data.trials import WAKE_WORDS, Row, Samples, Trial, _read

SEED = 7
GAP_S = (1.0, 4.0)
TAIL_S = 2.0
FLOOR = 2e-4
"""Root mean square of the hiss under every stream."""
BESIDE_S = (1.5, 3.0)
BESIDE_LEVEL = 0.1
"""Root mean square of speech, where other speech stands right beside it."""
QUIET_DB = 35.0
"""Below its peak, where a clip is cut off to stand beside speech; 60 ms around the rest are kept."""
MARGIN = 960
TELEPHONE_HZ = (300.0, 3400.0)


def _as_it_is(samples: Samples, sounds: "Sounds") -> Samples:
    del sounds
    return samples


@dataclass(frozen=True)
class Condition:
    """What is done to each clip, what stands beside it, and what is done to the whole stream."""

    clip: Callable[[Samples, "Sounds"], Samples] = _as_it_is
    before: bool = False
    behind: bool = False
    stream: Callable[[Samples, "Sounds"], Samples] = _as_it_is
    gain: float = 1.0
    """of stream and hiss"""
    drive: float = 1.0
    """of everything, before it is clipped"""


@dataclass
class Sounds:
    """What a stream is made of, and the choices made on the way."""

    shared: Path
    choose: random.Random
    level: float
    """Root mean square of all clips"""
    others: Sequence[Path]
    """Speech without the phrases"""

    def beside(self) -> Samples:
        """Some seconds of other speech."""
        speech = trimmed(_read(self.choose.choice(self.others)))
        size = int(self.choose.uniform(*BESIDE_S) * RATE)
        start = self.choose.randrange(max(1, len(speech) - size))
        return at_level(speech[start : start + size])

    def room(self) -> Samples:
        """One of the impulse responses."""
        return _read(self.choose.choice(sorted((self.shared / "rir").rglob("*.flac"))))

    def noise(self, size: int) -> Samples:
        """All noises in random order, each at the same level, as often as it takes."""
        files = sorted((self.shared / "noise").rglob("*.opus"))
        parts, total = [], 0
        while total < size:
            for path in self.choose.sample(files, len(files)):
                parts.append(at_level(_read(path), 1.0))
                total += len(parts[-1])
                if total >= size:
                    break
        return np.concatenate(parts)[:size]


def at_level(samples: Samples, level: float = BESIDE_LEVEL) -> Samples:
    """Bring samples to a root mean square."""
    scaled: Samples = (samples * (level / (rms(samples) + 1e-9))).astype(np.float32)
    return scaled


def rms(samples: Samples) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def trimmed(samples: Samples) -> Samples:
    """Cut silence off both ends."""
    envelope = np.sqrt(np.convolve(np.square(samples), np.full(400, 1 / 400, np.float32), "same"))
    loud = np.flatnonzero(envelope > envelope.max() * 10 ** (-QUIET_DB / 20))
    return samples[max(0, int(loud[0]) - MARGIN) : int(loud[-1]) + MARGIN] if len(loud) else samples


def _close(samples: Samples, sounds: Sounds) -> Samples:
    del sounds
    return at_level(trimmed(samples))


def _faster(samples: Samples, sounds: Sounds, *, factor: float) -> Samples:
    del sounds
    return np.asarray(soxr.resample(samples, RATE, RATE / factor), np.float32)


def _in_a_room(samples: Samples, sounds: Sounds) -> Samples:
    response = sounds.room()
    size = len(samples) + len(response) - 1
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[: len(samples) + 4800]
    return at_level(wet.astype(np.float32), rms(samples))


def _noisy(samples: Samples, sounds: Sounds, *, snr_db: float) -> Samples:
    return samples + sounds.noise(len(samples)) * np.float32(sounds.level * 10 ** (-snr_db / 20))


def _at_8_khz(samples: Samples, sounds: Sounds) -> Samples:
    del sounds
    return np.asarray(soxr.resample(soxr.resample(samples, RATE, 8000), 8000, RATE), np.float32)


def _by_telephone(samples: Samples, sounds: Sounds) -> Samples:
    """The band of a telephone (Butterworth of 4th order, without its phase) and mu-law in 8 bits (ITU-T G.711)."""
    del sounds
    low, high = TELEPHONE_HZ
    spectrum = np.fft.rfft(samples)
    hz = np.maximum(1.0, np.linspace(0.0, RATE / 2, len(spectrum)))
    spectrum *= 1 / np.sqrt((1 + (low / hz) ** 8) * (1 + (hz / high) ** 8))
    slow = soxr.resample(np.fft.irfft(spectrum, len(samples)), RATE, 8000)
    packed = np.round(127 * np.sign(slow) * np.log1p(255 * np.minimum(1.0, np.abs(slow))) / np.log(256)) / 127
    return np.asarray(soxr.resample(np.sign(packed) * (256 ** np.abs(packed) - 1) / 255, 8000, RATE), np.float32)


CONDITIONS = {
    "clean": Condition(),
    "snr10": Condition(stream=partial(_noisy, snr_db=10.0)),
    "snr5": Condition(stream=partial(_noisy, snr_db=5.0)),
    "snr0": Condition(stream=partial(_noisy, snr_db=0.0)),
    "room": Condition(clip=_in_a_room),
    "breath": Condition(clip=_close, behind=True),
    "after": Condition(clip=_close, before=True),
    "between": Condition(clip=_close, before=True, behind=True),
    "telephone": Condition(stream=_by_telephone),
    "8k": Condition(stream=_at_8_khz),
    "low": Condition(gain=0.01),
    "clip": Condition(drive=10.0),
    "slow": Condition(clip=partial(_faster, factor=0.8)),
    "fast": Condition(clip=partial(_faster, factor=1.2)),
}


def wake_words_in(condition: Condition, shared: Path, limit: int, folder: Path) -> Row:
    """Give the clips of the three wake words, `limit` of them at most (0: all), as one stream in a condition."""
    del folder
    choose = random.Random(SEED)
    rows = manifests.read(shared / "wakewords" / "manifest.tsv")
    each = (limit or len(rows)) // len(WAKE_WORDS)
    chosen = [row for word in WAKE_WORDS for row in _shuffled(rows, word, choose)[:each]]
    choose.shuffle(chosen)
    clips = [(row["phrase"], _read(shared / "wakewords" / row["path"])) for row in chosen]
    stream, labels = _lay(clips, condition, shared)
    return Row(WAKE_WORDS, (Trial(lambda: stream, tuple(labels)),))


def _others(shared: Path) -> list[Path]:
    rows = (row for row in manifests.read(shared / "speech" / "manifest.tsv") if row["split"] == "dev")
    books = (row for row in rows if row["corpus"].startswith("librispeech"))
    return [shared / "speech" / row["path"] for row in books if not any(w in row["transcript"] for w in WAKE_WORDS)]


def _shuffled(rows: Sequence[dict[str, str]], word: str, choose: random.Random) -> list[dict[str, str]]:
    own = [row for row in rows if row["phrase"] == word]
    return choose.sample(own, len(own))


def _lay(clips: Sequence[tuple[str, Samples]], condition: Condition, shared: Path) -> tuple[Samples, list[Label]]:
    sounds = Sounds(shared, random.Random(SEED), rms(np.concatenate([x for _, x in clips])), _others(shared))
    parts: list[Samples] = []
    labels, place = [], 0
    for phrase, samples in clips:
        gap = np.zeros(int(sounds.choose.uniform(*GAP_S) * RATE), np.float32)
        before = [gap, sounds.beside()] if condition.before else [gap]
        said = condition.clip(samples, sounds)
        start = place + sum(map(len, before))
        labels.append(Label(start / RATE, (start + len(said)) / RATE, phrase))
        new = [*before, said, *([sounds.beside()] if condition.behind else [])]
        parts.extend(new)
        place += sum(map(len, new))
    stream = condition.stream(np.concatenate([*parts, np.zeros(int(TAIL_S * RATE), np.float32)]), sounds)
    hiss = np.random.default_rng(SEED).normal(0.0, FLOOR, len(stream))
    heard = np.clip(condition.drive * condition.gain * (stream + hiss), -1.0, 1.0)
    return (np.round(heard * 32767) / 32768).astype(np.float32), labels


CONDITION_ROWS: dict[str, Callable[[Path, int, Path], Row]] = {
    name: partial(wake_words_in, condition) for name, condition in CONDITIONS.items()
}
