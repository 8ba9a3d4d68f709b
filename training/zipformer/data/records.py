"""Recordings and their manifests: what may be trained on, what is held out, what is only noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from measure import manifests

NOT_TARGETS = frozenset({"alphanumeric-duke"})
"""Corpora whose transcript is a prompt that nobody verified."""
LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ")


@dataclass(frozen=True)
class Recording:
    """One audio file and what is known of it."""

    path: Path
    split: str
    """train, dev, unlabelled, noise or room"""
    corpus: str
    speaker: str
    text: str
    """upper case; empty where nothing is said or nothing is known"""
    licence: str = ""


def usable(text: str) -> bool:
    """Say whether a transcript is spelt in letters alone."""
    return bool(text) and set(text) <= LETTERS


def speech(folder: Path) -> Iterator[Recording]:
    """Give transcribed train and dev speech, and untranscribed speech as split "unlabelled"."""
    for row in manifests.read(folder / "manifest.tsv"):
        if row["corpus"] in NOT_TARGETS:
            continue
        path, text = folder / row["path"], row["transcript"].strip()
        if usable(text):
            yield Recording(path, row["split"], row["corpus"], row["speaker"], text, row["licence"])
        elif not text:
            yield Recording(path, "unlabelled", row["corpus"], row["speaker"], "", row["licence"])


def speech_commands(folder: Path) -> Iterator[Recording]:
    """Give the training speakers' single words."""
    for row in manifests.read(folder / "manifest.tsv"):
        if row.get("split", "train").startswith("train"):
            word = row["path"].split("/")[0].upper()
            yield Recording(folder / row["path"], "train", "speech-commands", row.get("speaker", ""), word, "CC BY 4.0")


def noise(folder: Path) -> Iterator[Recording]:
    """Give noises."""
    for row in manifests.read(folder / "manifest.tsv"):
        yield Recording(folder / row["path"], "noise", "noise", row["source"], "", row["licence"])


def rooms(folder: Path) -> Iterator[Recording]:
    """Give room impulse responses."""
    for row in manifests.read(folder / "manifest.tsv"):
        yield Recording(folder / row["path"], "room", "rooms", row["room"], "", row["licence"])


def synthetic(folder: Path) -> Iterator[Recording]:
    """Give what was spoken by machines (`spoken.py`)."""
    for row in manifests.read(folder / "manifest.tsv"):
        yield Recording(folder / row["path"], row["split"], "synthetic", row["voice"], row["text"], row["licence"])


def everything(shared: Path, *spoken: Path) -> list[Recording]:
    """Collect every recording that exists below `shared`, and those spoken by machines."""
    sources = [
        (speech, shared / "speech"),
        (speech_commands, shared / "speech_commands" / "train_audio"),
        (noise, shared / "noise"),
        (rooms, shared / "rir"),
        *((synthetic, folder) for folder in spoken),
    ]
    found: list[Recording] = []
    for read, folder in sources:
        if (folder / "manifest.tsv").exists():
            found.extend(read(folder))
    return found
