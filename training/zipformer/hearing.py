"""Let kwsd's own spotter hear trials. Its encoder runs once per model and row; then only the search counts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kwsd.acoustic.frame_file import FrameFile
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.events import Detection
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Frames
from kwsd.timebase import SAMPLE_RATE
from measure.scoring import Hit, hit_of
from training.zipformer.data.trials import Row, Trial
from training.zipformer.progress import progress


@dataclass(frozen=True)
class Heard:
    """What came of one trial."""

    hits: tuple[Hit, ...]
    seconds: float
    """Sound listened to."""


def hear(model: Model, row: Row, settings: SearchSettings, path: Path) -> list[Heard]:
    """What is heard in each trial, each a stream of its own; its frames are kept in `path`, recorded there first."""
    if not (path.exists() and lengths_path(path).exists()):
        record(model, row.trials, path)
    keywords = [Keyword(phrase) for phrase in row.phrases]
    heard: list[Heard] = []
    listened = progress(np.load(lengths_path(path)).tolist(), len(row.trials), f"{model.name} listens")
    for samples, stream in zip(listened, streams(FrameFile(path).read()), strict=True):
        spotter = PhraseSpotter(model, keywords, settings)
        told = (event for frames in stream for event in spotter.search(frames))
        hits = tuple(hit_of(event, samples) for event in told if isinstance(event, Detection))
        heard.append(Heard(hits, samples / SAMPLE_RATE))
    return heard


def record(model: Model, trials: Sequence[Trial], path: Path) -> None:
    """Write the encoder frames of all trials, one stream after the other, and beside them how long each is."""
    lengths: list[int] = []
    with FrameFile.create(path, model.encoder) as file:
        for trial in progress(trials, len(trials), f"{model.name} encodes"):
            stream, sound = AcousticStream(model), trial.read()
            lengths.append(len(sound))
            for frames in [*stream.push(Chunk(0, sound, "")), *stream.finish()]:
                if frames.kind == "failed":
                    raise ValueError(f"{model.name} gives frames that are not finite")
                file.write(frames)
    np.save(lengths_path(path), lengths)


def lengths_path(path: Path) -> Path:
    """Where the samples of each stream of a frame file are kept: to decode all sound for them costs ten searches."""
    return path.with_suffix(".npy")


def frame_path(folder: Path, model: Model, row: str, limit: int) -> Path:
    """Where the frames of a row by a model are kept, named after its weights."""
    return folder / "frames" / f"{model.encoder.fingerprint}-{row}-{limit}.frames"


def streams(kept: Iterable[Frames]) -> Iterator[list[Frames]]:
    """The frames of each trial: every one begins with frame 0."""
    stream: list[Frames] = []
    for frames in kept:
        if frames.first == 0 and stream:
            yield stream
            stream = []
        stream.append(frames)
    yield stream
