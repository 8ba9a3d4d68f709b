"""Train a finished model a little further on recordings of one's own.

The recordings lie in a folder with a tab-separated `manifest.tsv` that has the columns `path` and `text`: what is said,
in letters. 16 kHz, mono, any format that libsndfile reads. One in ten is held out to watch the loss.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import torch

from kwsd.models.description import DESCRIPTION, read_description
from measure import manifests
from training.zipformer.checkpoint import CHECKPOINT, load_model
from training.zipformer.data.pack import read_pack, write_pack
from training.zipformer.data.records import Recording, noise, rooms, usable
from training.zipformer.data.units import read_units
from training.zipformer.description import write_search
from training.zipformer.export import export
from training.zipformer.settings import TrainSettings
from training.zipformer.storage import PACKAGED
from training.zipformer.train import Trainer

HELD_OUT_SHARE = 10


@dataclass(frozen=True)
class Adaptation:
    """How far to go. More steps or a higher rate fit the new voices better, and forget more of the old ones."""

    steps: int = 200
    rate: float = 0.004
    batch_seconds: float = 60.0


def adapt(model: Path, own: Path, run: Path, *, shared: Path, how: Adaptation) -> Path:
    """Train a model further on the recordings in `own`; noise and rooms of `shared` are mixed in where there are any.

    Args:
        model: directory with weights.pt, as `export` writes it.
        own: the recordings.
        run: folder to write; the same command goes on where it was stopped.
        shared: folder that may hold noise/ and rir/.
        how: steps and rates.

    Returns:
        The new model's directory, with the search settings of the old one.

    Raises:
        FileNotFoundError: the model has no weights to go on from.
        ValueError: no recording can be used.
    """
    if not (model / PACKAGED).exists():
        raise FileNotFoundError(f"{model / PACKAGED} is missing; only a model that `export` wrote can learn further")
    old = load_model(model / PACKAGED)
    if not (run / "index.tsv").exists():
        recordings = _recordings(own)
        write_pack(run, [*recordings, *_surroundings(shared, len(recordings))])
    trainer = Trainer(
        run, read_pack(run), read_units(model), old.settings, settings=_settings(how), device=torch.device("cpu")
    )
    if trainer.progress.step == 0:
        trainer.model.load_state_dict(old.state_dict())
        print(f"loss on what is held out, before: {trainer.dev_loss():.3f}")
    trainer.run()
    print(f"loss on what is held out, after: {trainer.dev_loss():.3f}")
    return _export(run, model)


def _export(run: Path, old: Path) -> Path:
    new = run / "model"
    export(run / CHECKPOINT, old, new)
    write_search(new / DESCRIPTION, read_description(old).search.chosen())
    return new


def _recordings(folder: Path) -> list[Recording]:
    rows = [row for row in manifests.read(folder / "manifest.tsv") if usable(row["text"].upper())]
    if len(rows) < 2:
        raise ValueError(f"{folder / 'manifest.tsv'} has no two recordings with a text in letters; write numbers out")
    return [
        Recording(
            folder / row["path"], "train" if number % HELD_OUT_SHARE else "dev", "own", "", row["text"].strip().upper()
        )
        for number, row in enumerate(rows)
    ]


def _surroundings(shared: Path, most: int) -> list[Recording]:
    """All rooms, and as many noises as there are recordings: noises are trained on as well, as nothing said."""
    sources = [(noise, shared / "noise"), (rooms, shared / "rir")]
    noises, echoes = ([*read(folder)] if (folder / "manifest.tsv").exists() else [] for read, folder in sources)
    return [*random.Random(0).sample(noises, min(most, len(noises))), *echoes]


def _settings(how: Adaptation) -> TrainSettings:
    """No flat start and no warm-up: the model knows how to listen."""
    return TrainSettings(
        steps=how.steps,
        rate=how.rate,
        batch_seconds=how.batch_seconds,
        listen=0,
        warmup=1,
        short_s=TrainSettings.longest_s,
        cool_down=how.steps // 5,
        weights_every=how.steps,
        dev_every=max(1, how.steps // 4),
    )
