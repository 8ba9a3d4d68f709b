"""A folder of texts that machines spoke: a file for each, named after what is said and how, and a manifest of them."""

import csv
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from kwsd.timebase import SAMPLE_RATE
from training.zipformer.progress import progress

OPUS_COMPRESSION = 0.95
"""About 16 kbit/s in libsndfile's scale from 0 (256 kbit/s) to 1 (6 kbit/s)."""


@dataclass(frozen=True)
class Saying:
    """A text and who says it."""

    text: str
    voice: str
    """label in the manifest"""
    manner: str
    """what else decides how it sounds, such as speed and pitch"""
    licence: str
    say: Callable[[Path], npt.NDArray[np.float32]]
    """gives 16 kHz; may write to that path and takes it away again"""

    @property
    def file(self) -> str:
        """Another text or manner is another file: what an earlier list left behind is never taken for this one."""
        return hashlib.sha256(f"{self.text}\n{self.voice}\n{self.manner}".encode()).hexdigest()[:16] + ".opus"


def speak_into(folder: Path, sayings: Sequence[Saying], name: str, workers: int = 1) -> None:
    """Speak each into `folder`, but for what is there; the manifest holds what is done, if killed half way, too."""
    folder.mkdir(parents=True, exist_ok=True)
    once = list({saying.file: saying for saying in sayings}.values())
    with (folder / "manifest.tsv").open("w", newline="", buffering=1) as lines, ThreadPoolExecutor(workers) as pool:
        table = csv.writer(lines, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        table.writerow(["path", "split", "voice", "text", "licence"])
        done = pool.map(lambda saying: _speak(folder, saying), once)
        for saying in progress(done, len(once), name):
            table.writerow([saying.file, "train", saying.voice, saying.text, saying.licence])


def _speak(folder: Path, saying: Saying) -> Saying:
    path = folder / saying.file
    if not path.exists():
        samples = saying.say(path.with_suffix(".wav"))
        partial = path.with_suffix(".partial")
        soundfile.write(partial, samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=OPUS_COMPRESSION)
        partial.rename(path)
    return saying
