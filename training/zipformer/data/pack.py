"""All audio of a corpus in one flat file, so that training never decodes and a GPU can hold it whole.

`audio.i16` is 16 kHz int16 samples end to end; `index.tsv` says where each recording lies. About 115 MB per hour.
"""

import csv
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kwsd.timebase import SAMPLE_RATE
from training.zipformer.data.records import Recording
from training.zipformer.progress import progress

RATE = SAMPLE_RATE


@dataclass(frozen=True)
class Clip:
    """One recording inside a pack."""

    offset: int
    """first sample"""
    samples: int
    split: str
    corpus: str
    speaker: str
    text: str

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples / RATE


@dataclass(frozen=True)
class Pack:
    """A packed corpus: `audio[clip.offset : clip.offset + clip.samples]` for every clip."""

    audio: npt.NDArray[np.int16]
    clips: tuple[Clip, ...]

    def of(self, split: str) -> list[Clip]:
        """Give the clips of one split."""
        return [clip for clip in self.clips if clip.split == split]

    def samples(self, clip: Clip) -> npt.NDArray[np.int16]:
        """Give the samples of one clip."""
        return self.audio[clip.offset : clip.offset + clip.samples]


def read_audio(path: Path) -> npt.NDArray[np.int16]:
    """Decode one 16 kHz mono file.

    Raises:
        ValueError: the file has another rate.
    """
    samples, rate = soundfile.read(path, dtype="float32")
    if rate != RATE:
        raise ValueError(f"{path} has {rate} Hz; resample it to {RATE} Hz")
    scaled: npt.NDArray[np.int16] = (samples.clip(-1.0, 1.0) * 32767.0).astype(np.int16)
    return scaled


def write_pack(folder: Path, recordings: Sequence[Recording], workers: int = 2) -> None:
    """Decode recordings in order into `folder`; the index appears only when the audio is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "audio.i16").open("wb") as audio, ThreadPoolExecutor(workers) as pool:
        decoded = pool.map(read_audio, [recording.path for recording in recordings])
        clips, offset = [], 0
        for recording, samples in progress(zip(recordings, decoded, strict=True), len(recordings), "packing"):
            audio.write(samples.tobytes())
            clips.append(_clip(recording, offset, len(samples)))
            offset += len(samples)
    _write_index(folder / "index.tsv", clips)


def read_pack(folder: Path) -> Pack:
    """Open a packed corpus; audio is mapped, not read.

    Raises:
        FileNotFoundError: `folder` was not prepared.
    """
    index = folder / "index.tsv"
    if not index.exists():
        raise FileNotFoundError(f"{index} is missing; run `python -m training.zipformer prepare` first")
    with index.open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    clips = tuple(
        Clip(int(r["offset"]), int(r["samples"]), r["split"], r["corpus"], r["speaker"], r["text"]) for r in rows
    )
    return Pack(np.memmap(folder / "audio.i16", dtype=np.int16, mode="c"), clips)


def _clip(recording: Recording, offset: int, samples: int) -> Clip:
    return Clip(offset, samples, recording.split, recording.corpus, recording.speaker, recording.text)


def _write_index(path: Path, clips: Iterable[Clip]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="") as lines:
        names = [field.name for field in fields(Clip)]
        table = csv.DictWriter(lines, names, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        table.writeheader()
        table.writerows(asdict(clip) for clip in clips)
    partial.replace(path)
