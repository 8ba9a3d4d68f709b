"""Clips laid into long streams, as a daemon hears them; recipe and seeds are those of shared/peers/stream.py."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, cycle
from pathlib import Path

import numpy as np

from measure import manifests, sound
from measure.paths import ONLY_CORPORA, SHARED, WORK
from measure.progress import track
from measure.scoring import Label
from measure.wav import RATE, Samples, blocks, duration_s, rms, silence

GAP_S = (1.0, 4.0)  # silence before each wake word, drawn evenly
TAIL_S = 2.0  # silence after the last clip
FLOOR_RMS = 2e-4  # white noise over everything: no microphone is digitally silent
UTTERANCE_GAP_S = 0.5  # between the utterances of a corpus
AUDIO_SUFFIXES = {".opus", ".flac", ".wav", ".ogg"}


@dataclass(frozen=True, slots=True)
class Stream:
    """A WAV and what is said in it."""

    wav: Path
    labels: tuple[Label, ...]

    @property
    def hours(self) -> float:
        """Length of the WAV."""
        return duration_s(self.wav) / 3600


def wakewords(snr_db: float | None = None) -> Stream:
    """The 360 wake-word clips in one stream; with `snr_db`, under environment noise."""
    name = "wakewords" if snr_db is None else f"wakewords-{snr_db:g}db"
    path = WORK / "streams" / f"{name}.wav"
    if not (path.exists() and path.with_suffix(".tsv").exists()):
        build_wakewords(path, snr_db)
    return Stream(path, tuple(read_labels(path)))


def build_wakewords(wav: Path, snr_db: float | None, seed: int = 0) -> None:
    """Writes the stream's WAV and, beside it, its labels."""
    draw = random.Random(seed)
    rows = manifests.read(SHARED / "wakewords" / "manifest.tsv")
    draw.shuffle(rows)
    parts, labels = lay(((sound.read(SHARED / "wakewords" / row["path"]), row["phrase"]) for row in rows), draw)
    stream = np.concatenate([*parts, silence(TAIL_S)])
    if snr_db is not None:
        speech_rms = rms(np.concatenate(parts[1::2]))
        stream = stream + noise(len(stream), draw) * np.float32(speech_rms) * np.float32(10 ** (-snr_db / 20))
    write(wav, stream + floor(len(stream), seed), labels)


def lay(clips: Iterator[tuple[Samples, str]], draw: random.Random) -> tuple[list[Samples], list[Label]]:
    """Gap, clip, gap, clip …, and where each clip lies."""
    parts: list[Samples] = []
    labels: list[Label] = []
    position = 0
    for clip, phrase in clips:
        gap = silence(draw.uniform(*GAP_S))
        start = position + len(gap)
        position = start + len(clip)
        parts += [gap, clip]
        labels.append(Label(start / RATE, position / RATE, phrase))
    return parts, labels


def noise(length: int, draw: random.Random) -> Samples:
    """Environment noise of that many samples: all files in drawn order, each brought to unit power, over and over."""
    files = sorted(path for path in (SHARED / "noise").rglob("*") if path.suffix in AUDIO_SUFFIXES)
    draw.shuffle(files)
    pieces: list[Samples] = []
    filled = 0
    for path in cycle(files):
        if filled >= length:
            break
        piece = sound.read(path)
        pieces.append(piece / (np.float32(rms(piece)) + np.float32(1e-9)))
        filled += len(piece)
    return np.concatenate(pieces)[:length]


def corpora() -> list[str]:
    """Names of the speech corpora, in manifest order; KWSD_BENCH_CORPORA=a,b narrows them down."""
    names = list(dict.fromkeys(row["corpus"] for row in speech_rows()))
    return [name for name in names if not ONLY_CORPORA or name in ONLY_CORPORA]


def corpus(name: str) -> Stream:
    """All utterances of a corpus in manifest order, so that a speaker stays a while; labels carry the transcripts."""
    path = WORK / "streams" / f"corpus-{name}.wav"
    if not (path.exists() and path.with_suffix(".tsv").exists()):
        build_corpus(path, [row for row in speech_rows() if row["corpus"] == name])
    return Stream(path, tuple(read_labels(path)))


def build_corpus(wav: Path, rows: Sequence[manifests.Row]) -> None:
    """Writes the corpus stream and its labels."""
    parts: list[Samples] = []
    labels: list[Label] = []
    position = 0
    for row in track(rows, f"laying {wav.stem}"):
        clip = sound.read(SHARED / "speech" / row["path"])
        parts += [silence(UTTERANCE_GAP_S), clip]
        start = position + len(parts[-2])
        position = start + len(clip)
        labels.append(Label(start / RATE, position / RATE, row["transcript"]))
    stream = np.concatenate([*parts, silence(TAIL_S)])
    write(wav, stream + floor(len(stream), seed=0), labels)


def speech(hours: float) -> Path:
    """So many hours of running speech in one WAV: the corpora one after another, from the front."""
    path = WORK / "streams" / f"speech-{hours:g}h.wav"
    if not path.exists():
        wanted = round(hours * 3600 * RATE)
        pieces: list[Samples] = []
        for block in chain.from_iterable(blocks(corpus(name).wav, 60 * RATE) for name in speech_order()):
            pieces.append(block)
            if sum(map(len, pieces)) >= wanted:
                break
        sound.write(path, np.concatenate(pieces)[:wanted])
    return path


def speech_order() -> list[str]:
    """Corpora with LibriSpeech first: the longest utterances, hence the densest speech."""
    return sorted(corpora(), key=lambda name: not name.startswith("librispeech"))


def speech_rows() -> list[manifests.Row]:
    """The speech manifest."""
    return manifests.read(SHARED / "speech" / "manifest.tsv")


def floor(length: int, seed: int) -> Samples:
    """White noise at FLOOR_RMS."""
    return np.random.default_rng(seed).normal(0, FLOOR_RMS, length).astype(np.float32)


def write(wav: Path, stream: Samples, labels: Sequence[Label]) -> None:
    """WAV and labels side by side."""
    wav.parent.mkdir(parents=True, exist_ok=True)
    rows = [(f"{label.start_s:.3f}", f"{label.end_s:.3f}", label.phrase) for label in labels]
    manifests.write(wav.with_suffix(".tsv"), ("start_s", "end_s", "phrase"), rows)
    sound.write(wav, stream)


def read_labels(wav: Path) -> Iterator[Label]:
    """The labels beside a stream."""
    for row in manifests.read(wav.with_suffix(".tsv")):
        yield Label(float(row["start_s"]), float(row["end_s"]), row["phrase"])
