"""Utterances as the encoder's frames, computed once: `frames.f16` and `index.tsv`, which a killed run leaves usable."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kwsd.small_files import written_whole
from measure import manifests, sound
from measure.progress import track
from measure.wav import RATE
from training.tiny_audio.shipped.encoders_tiny_audio import Encoder, open_encoder

FRAMES, INDEX, ABOUT = "frames.f16", "index.tsv", "encoder.json"
COLUMNS = ("path", "split", "speaker", "seconds", "first", "count", "text")
SHORTEST_S = 0.5
ORDER_SEED = 1
WRITTEN_TOGETHER = 64
"""Utterances between two writes of the index."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """A line of the index."""

    path: str
    split: str
    speaker: str
    seconds: float
    first: int
    """Frame in the file of frames."""
    count: int
    text: str
    """Lower case."""


@dataclass(frozen=True, slots=True)
class Material:
    """A prepared folder."""

    encoder: str
    """Directory of the encoder whose frames these are."""
    size: int
    """Numbers in a frame."""
    utterances: list[Utterance]
    frames: NDArray[np.float16]
    """(frames, size), on disk."""

    def of(self, split: str) -> list[Utterance]:
        """Utterances of train or dev."""
        return [each for each in self.utterances if each.split == split]


def read(folder: Path) -> Material:
    """Open what `prepare` wrote. Raises FileNotFoundError: there is nothing."""
    if not (folder / ABOUT).exists():
        raise FileNotFoundError(
            f"{folder}: holds no frames; write them with: python -m training.tiny_audio prepare {folder}"
        )
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    utterances = _read_index(folder / INDEX)
    frames = np.memmap(folder / FRAMES, np.float16, "r").reshape(-1, about["size"])
    return Material(about["encoder"], about["size"], utterances, frames)


def prepare(folder: Path, manifest: Path, encoder: Path, corpora: Sequence[str] = ("",), most: int = 0) -> Material:
    """Write the frames of all transcribed utterances of a manifest; goes on where it was stopped.

    Args:
        folder: where to write.
        manifest: table with path, transcript, split, and perhaps corpus, speaker and seconds.
        encoder: directory of the encoder.
        corpora: beginnings of the names of those that are taken; all of them where nothing is said.
        most: utterances of each split, 0 for all; they are spread over the manifest.

    Raises:
        ValueError: the folder holds frames of another encoder, or nothing was found.
    """
    heard = open_encoder(str(encoder))
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / ABOUT).exists():
        kept = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if Path(kept["encoder"]).resolve() != encoder.resolve() or kept["size"] != heard.size:
            raise ValueError(f"{folder}: holds frames of {kept['encoder']}; name that encoder, or another folder")
    rows = _wanted(manifests.read(manifest), corpora, most)
    if not rows:
        raise ValueError(f"{manifest}: no transcribed utterances of {', '.join(corpora)} in it")
    about = {"encoder": str(encoder.resolve()), "size": heard.size}
    with written_whole(folder / ABOUT) as part:
        part.write_text(json.dumps(about), encoding="utf-8")
    _encode(folder, manifest.parent, rows, heard)
    return read(folder)


def _wanted(rows: Sequence[manifests.Row], corpora: Sequence[str], most: int) -> list[manifests.Row]:
    taken = []
    for split in ("train", "dev"):
        own = [
            row
            for row in rows
            if row["split"] == split and row["transcript"] and row.get("corpus", "").startswith(tuple(corpora))
            if float(row.get("seconds", 1)) >= SHORTEST_S
        ]
        taken += own[:: max(1, len(own) // most)][:most] if most else own
    random.Random(ORDER_SEED).shuffle(taken)  # so that what a stopped run leaves is like the whole
    return taken


def _encode(folder: Path, root: Path, rows: Sequence[manifests.Row], encoder: Encoder) -> None:
    done = _read_index(folder / INDEX) if (folder / INDEX).exists() else []
    known, first = {each.path for each in done}, sum(each.count for each in done)
    with (folder / FRAMES).open("r+b" if done else "wb") as file:
        file.truncate(first * encoder.size * 2)  # what was written behind the last index
        file.seek(0, 2)
        for number, row in enumerate(track([row for row in rows if row["path"] not in known], "encoding"), 1):
            samples = sound.read(root / row["path"])
            (frames,) = encoder.encode([samples])
            file.write(frames.numpy().astype("<f2").tobytes())
            seconds, text = len(samples) / RATE, " ".join(row["transcript"].lower().split())
            done.append(Utterance(row["path"], row["split"], row.get("speaker", ""), seconds, first, len(frames), text))
            first += len(frames)
            if number % WRITTEN_TOGETHER == 0:
                file.flush()
                _write_index(folder / INDEX, done)
    _write_index(folder / INDEX, done)


def _write_index(path: Path, utterances: Sequence[Utterance]) -> None:
    part = path.with_suffix(".part")
    manifests.write(part, COLUMNS, [[getattr(each, column) for column in COLUMNS] for each in utterances])
    part.replace(path)


def _read_index(path: Path) -> list[Utterance]:
    return [
        Utterance(
            row["path"],
            row["split"],
            row["speaker"],
            float(row["seconds"]),
            int(row["first"]),
            int(row["count"]),
            row["text"],
        )
        for row in manifests.read(path)
    ]
