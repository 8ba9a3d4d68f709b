"""Let kwsd's own spotter hear trials. Its encoder runs once per model and row; then only the search counts.

The encoder's output depends on sound and weights alone, so replaying it changes no detection.
"""

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.product import hit_of
from bench.scoring import Hit
from kwsd.acoustic.encoder import EncoderStream
from kwsd.acoustic.fbank import Fbank
from kwsd.acoustic.model import Model
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import FINISH_S, Spotter
from kwsd.timebase import SAMPLE_RATE, samples
from training.zipformer.data.trials import Row, Trial
from training.zipformer.progress import progress


class Tape:
    """Stands where a model's encoder stands, and plays one trial after the other."""

    def __init__(self, model: Model, path: Path) -> None:
        """Play what `record` wrote."""
        self.chunk_frames = model.encoder.chunk_frames
        self.shift_frames = model.encoder.shift_frames
        self.output_frames = model.encoder.output_frames
        self._frames = np.load(path, mmap_mode="r")
        self._starts = np.load(_starts(path))
        self._trial = 0

    def wind_to(self, trial: int) -> None:
        """Choose the trial that the next stream hears."""
        self._trial = trial

    def initial_state(self) -> list[NDArray[Any]]:
        """The first frame of the trial."""
        return [np.array(self._starts[self._trial])]

    def run(
        self, fbank: NDArray[np.float32], state: list[NDArray[Any]]
    ) -> tuple[NDArray[np.float32], list[NDArray[Any]]]:
        """The next chunk's frames (8, C), whatever the features are."""
        del fbank
        start = int(state[0])
        after = start + self.output_frames
        return np.array(self._frames[start:after]), [np.array(after)]


@dataclass(frozen=True)
class Heard:
    """What came of one trial."""

    hits: tuple[Hit, ...]
    seconds: float
    """Sound listened to."""


def hear(model: Model, row: Row, settings: SearchSettings, tape: Path) -> list[Heard]:
    """What is heard in each trial, each a stream of its own; `tape` is recorded first where it does not exist."""
    if not tape.exists():
        record(model, row.trials, tape)
    player = copy.copy(model)
    player.encoder = encoder = Tape(model, tape)  # type: ignore[assignment]  # it is one in all that a spotter uses
    spotter = Spotter(player, [Keyword(phrase) for phrase in row.phrases], settings)
    heard = []
    for number, trial in enumerate(progress(row.trials, len(row.trials), f"{model.name} listens")):
        encoder.wind_to(number)
        spotter.reset()
        sound = trial.read()
        hits = tuple(hit_of(hit, len(sound)) for hit in [*spotter.accept(sound), *spotter.finish()])
        heard.append(Heard(hits, len(sound) / SAMPLE_RATE))
    return heard


def record(model: Model, trials: Sequence[Trial], path: Path) -> None:
    """Write the encoder frames of all trials, and of the silence that `Spotter.finish` adds to each."""
    frames, lengths = [], []
    for trial in progress(trials, len(trials), f"{model.name} encodes"):
        frames.append(_encoded(model, np.concatenate([trial.read(), np.zeros(samples(FINISH_S), np.float32)])))
        lengths.append(len(frames[-1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(_starts(path), np.cumsum([0, *lengths[:-1]]))
    part = path.with_suffix(".part.npy")
    np.save(part, np.concatenate(frames))
    part.replace(path)


def tape_path(folder: Path, model: Model, row: str, limit: int) -> Path:
    """Where the frames of a row by a model are kept, named after its weights."""
    digest = hashlib.sha256(model.encoder.path.read_bytes()).hexdigest()[:16]
    return folder / "tapes" / f"{digest}-{row}-{limit}.npy"


def _encoded(model: Model, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    fbank, stream = Fbank(model.encoder.chunk_frames, model.encoder.shift_frames), EncoderStream(model.encoder)
    chunks = [stream.step(chunk) for chunk in fbank.accept(sound)]
    finite = [chunk for chunk in chunks if chunk is not None]
    if len(finite) < len(chunks):
        raise ValueError(f"{model.name} gives frames that are not finite")
    return np.concatenate(finite)


def _starts(path: Path) -> Path:
    return path.with_suffix(".starts.npy")
