"""Clips and utterances laid end to end, as the daemon hears them, and what is said where."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kwsd.commands12.frontend import FloatArray
from kwsd.timebase import SAMPLE_RATE
from measure import manifests
from measure.commands import WORDS, commands_in
from measure.scoring import Hit
from measure.sound import read_exactly, unpadded

GAP_S = (0.5, 1.5)
COMMAND_GAP_S = (1.0, 4.0)
HISS = 2e-4  # no microphone is digitally silent
LATE_S = 0.3  # how far a hit may lie outside the clip it belongs to
SEED = 56
SET_APART = "commonvoice-en-korliu-untranscribed/"
OTHER_WORDS = "custom-keywords"
WORD_CORPORA = frozenset({OTHER_WORDS, "speechcommands-yes-no-up-down"})
"""Clips of one word: said alone, as commands are."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One clip or utterance in a stream. Seconds."""

    start: float
    end: float
    words: frozenset[str]
    """Commands said in it."""


@dataclass(frozen=True)
class Stream:
    """Sound that can be read again and again, and its pieces in order."""

    parts: tuple[Callable[[], FloatArray], ...]
    """Gap, piece, gap, piece …"""
    pieces: tuple[Piece, ...]

    @property
    def seconds(self) -> float:
        """Length, to the end of the last piece."""
        return self.pieces[-1].end


@dataclass(frozen=True)
class Outcome:
    """What hits come to on one stream."""

    found: dict[str, int]
    said: dict[str, int]
    false: dict[str, int]
    repeated: int
    """Hits of a word in a piece beyond the first; in a clip of one word each is one too many."""
    hours: float

    @property
    def recall(self) -> float:
        """Part of all words that was found."""
        return sum(self.found.values()) / max(sum(self.said.values()), 1)

    def false_per_hour(self, word: str) -> float:
        """False alarms of one word per hour."""
        return self.false.get(word, 0) / self.hours


def lay(
    sounds: Iterable[tuple[Callable[[], FloatArray], float, frozenset[str]]], gap_s: tuple[float, float] = GAP_S
) -> Stream:
    """Sounds with their lengths (s) and words, gaps before each."""
    generator = np.random.default_rng(SEED)
    parts: list[Callable[[], FloatArray]] = []
    pieces: list[Piece] = []
    position = 0.0
    for read, length, words in sounds:
        gap = float(generator.uniform(*gap_s))
        parts += [hiss(gap, int(generator.integers(1 << 30))), read]
        start = position + int(gap * SAMPLE_RATE) / SAMPLE_RATE
        position = start + length
        pieces.append(Piece(start, position, words))
    return Stream(tuple(parts), tuple(pieces))


def hiss(seconds: float, seed: int) -> Callable[[], FloatArray]:
    """A gap with a little noise."""

    def make() -> FloatArray:
        noise = np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))
        return np.asarray(noise * HISS, np.float32)

    return make


def words_with_gaps(shared: Path) -> Stream:
    """Every command of half A of the test audio, in random order."""
    folder = shared / "speech_commands" / "test_a"
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["class"] in WORDS]
    order = np.random.default_rng(SEED).permutation(len(rows))
    return lay((_clip(folder, rows[place]) for place in order), COMMAND_GAP_S)


def _clip(folder: Path, row: dict[str, str]) -> tuple[Callable[[], FloatArray], float, frozenset[str]]:
    length = int(row["samples_before_padding"]) / SAMPLE_RATE
    return (lambda: unpadded(folder, row)), length, frozenset({row["class"]})


def other_words(shared: Path) -> Stream:
    """Words and phrases that are none of the commands, each said on its own."""
    folder = shared / "speech"
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["corpus"] == OTHER_WORDS]
    return lay((_utterance(folder, row) for row in rows), COMMAND_GAP_S)


def running_speech(shared: Path, split: str, hours: float, corpora: str = "") -> Stream:
    """Transcribed sentences of a split, drawn at random, at most so many hours, of corpora whose names begin so."""
    folder = shared / "speech"
    known = [row for row in manifests.read(folder / "manifest.tsv") if row["split"] == split and row["transcript"]]
    rows = [row for row in known if row["corpus"] not in WORD_CORPORA and row["corpus"].startswith(corpora)]
    order = np.random.default_rng(SEED).permutation(len(rows))
    chosen = up_to((rows[place] for place in order), hours * 3600)
    return lay(_utterance(folder, row) for row in chosen)


def up_to(rows: Iterable[manifests.Row], duration_s: float) -> Iterator[manifests.Row]:
    """Rows until their seconds add up."""
    for row in rows:
        if duration_s <= 0:
            return
        duration_s -= float(row["seconds"])
        yield row


def is_set_apart(path: str) -> bool:
    """Whether no part of training may hear a file of `../shared/speech`, not even as babble."""
    return path.startswith(SET_APART)


def speech_set_apart(shared: Path) -> Stream:
    """Speech that no part of training has heard; two recognisers have written the same words for each utterance."""
    folder = shared / "speech"
    known = {
        row["path"]: row["transcript"]
        for row in manifests.read(folder / "teacher_labels.tsv")
        if row["agree"] == "1" and is_set_apart(row["path"])
    }
    rows = [row for row in manifests.read(folder / "manifest.tsv") if row["path"] in known]
    return lay(_utterance(folder, {**row, "transcript": known[row["path"]]}) for row in rows)


def _utterance(folder: Path, row: dict[str, str]) -> tuple[Callable[[], FloatArray], float, frozenset[str]]:
    length = int(float(row["seconds"]) * SAMPLE_RATE)

    def read() -> FloatArray:
        sound = read_exactly(folder / row["path"])[:length]
        return np.pad(sound, (0, length - len(sound)))

    return read, length / SAMPLE_RATE, frozenset(commands_in(row["transcript"]))


def score(stream: Stream, hits: Sequence[Hit]) -> Outcome:
    """Each word of a piece is found by one hit near it; a hit near no piece that has its word is false."""
    said = {word: sum(word in piece.words for piece in stream.pieces) for word in WORDS}
    found: dict[str, set[int]] = {word: set() for word in WORDS}
    false = dict.fromkeys(WORDS, 0)
    repeated = 0
    for hit in hits:
        places = [
            place for place, piece in enumerate(stream.pieces) if hit.phrase in piece.words and is_near(hit, piece)
        ]
        fresh = [place for place in places if place not in found[hit.phrase]]
        found[hit.phrase].update(fresh[:1])
        false[hit.phrase] += not places
        repeated += bool(places) and not fresh
    counts = {word: len(places) for word, places in found.items()}
    return Outcome(counts, said, false, repeated, stream.seconds / 3600)


def is_near(hit: Hit, piece: Piece) -> bool:
    """Whether a hit lies within a piece or next to it."""
    return hit.start_s < piece.end + LATE_S and hit.time_s > piece.start - LATE_S
