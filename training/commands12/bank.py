"""Everything training and validation look at, gathered once and kept as one .npz in the work directory."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.commands12.frontend import FloatArray
from measure import noises
from measure.commands import LABELS, SILENCE, UNKNOWN, class_of
from training.commands12 import audio
from training.commands12.sheets import Sheets, read_sheets

BABBLE_STRETCHES, BABBLE_SECONDS = 16, 40.0
MADE_STRETCHES, MADE_SECONDS = 3, 60.0  # of each kind of noise that is put together or computed
HELD_TONES = 2000
SEED = 12
FILE_NAME = "bank.npz"


@dataclass(frozen=True)
class Bank:
    """Training pictures with class numbers, noise to mix in, rooms, and the validation pictures."""

    pictures: NDArray[np.uint8]
    """(n, 98, 40)."""
    labels: NDArray[np.int64]
    """(n,): class numbers in the order of LABELS."""
    coded: NDArray[np.bool_]
    """(n,): whether the picture carries the JPEG noise of the sheets."""
    noise: NDArray[np.uint8]
    """(k, 98, 40): all at one mean level."""
    rooms: FloatArray
    """(r, 24): energy per 10 ms."""
    validation: NDArray[np.uint8]
    """(v, 98, 40)."""
    validation_labels: NDArray[np.int64]
    """(v,)."""


def load_bank(shared: Path, work: Path) -> Bank:
    """The bank of this work directory, made on first use (a few minutes)."""
    path = work / FILE_NAME
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        save(make_bank(shared), path)
    with np.load(path) as arrays:
        return Bank(**{name: arrays[name] for name in Bank.__dataclass_fields__})


def save(bank: Bank, path: Path) -> None:
    """Write the bank so that a broken run leaves no half file."""
    part = path.with_suffix(".part.npz")
    np.savez(part, **asdict(bank))
    part.replace(path)


def make_bank(shared: Path) -> Bank:
    """Read pictures and sound of ../shared."""
    sheets = read_sheets(shared / "speech_commands" / "mels")
    noise = make_noise(shared)
    parts = [
        (sheets.pictures[rows_of(sheets, "training")], sheet_labels(sheets, "training"), True),
        (sheets.pictures[rows_of(sheets, "background")], sheet_labels(sheets, "background"), True),
        live_clips(audio.clip_pictures(shared / "speech_commands" / "train_audio", "training")),
        live_clips(audio.spoken_words(shared / "speech")),
        everything_is(UNKNOWN, audio.negatives(shared / "speech")),
        everything_is(SILENCE, noise),
    ]
    return Bank(
        pictures=np.concatenate([pictures for pictures, _, _ in parts]),
        labels=np.concatenate([labels for _, labels, _ in parts]),
        coded=np.concatenate([np.full(len(labels), coded) for _, labels, coded in parts]),
        noise=noise,
        rooms=audio.reverb_envelopes(shared / "rir"),
        validation=sheets.pictures[rows_of(sheets, "validation")],
        validation_labels=sheet_labels(sheets, "validation"),
    )


def rows_of(sheets: Sheets, split: str) -> NDArray[np.int64]:
    """Row numbers of a split."""
    return np.flatnonzero(np.asarray(sheets.splits) == split)


def sheet_labels(sheets: Sheets, split: str) -> NDArray[np.int64]:
    """Class numbers of a split's pictures; background is silence."""
    if split == "background":
        return np.full(len(rows_of(sheets, split)), LABELS.index(SILENCE))
    return np.array([class_of(sheets.words[row]) for row in rows_of(sheets, split)])


def live_clips(found: tuple[NDArray[np.uint8], tuple[str, ...]]) -> tuple[NDArray[np.uint8], NDArray[np.int64], bool]:
    """Clips that there is sound of, through the live front end."""
    pictures, words = found
    return pictures, np.array([class_of(word) for word in words]), False


def everything_is(label: str, pictures: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64], bool]:
    """Pictures of one class made by the live front end."""
    return pictures, np.full(len(pictures), LABELS.index(label)), False


def make_noise(shared: Path) -> NDArray[np.uint8]:
    """Recorded noise, babble of training speakers, factory, street, white to brown noise, held tones."""
    generator = np.random.default_rng(SEED)
    folder = shared / "noise"
    chatter = (noises.babble(shared / "speech", "train", BABBLE_SECONDS, generator) for _ in range(BABBLE_STRETCHES))
    works = (noises.factory(folder, MADE_SECONDS, generator) for _ in range(MADE_STRETCHES))
    streets = (noises.street(folder, MADE_SECONDS, generator) for _ in range(MADE_STRETCHES))
    coloured = (noises.coloured_noise(MADE_SECONDS, exponent, generator) for exponent in (0.0, 0.0, 0.5, 1.0, 1.5))
    tones = (noises.held_tones(generator) for _ in range(HELD_TONES))
    return audio.noise_pictures((*noises.training_noise(folder), *chatter, *works, *streets, *coloured, *tones))
