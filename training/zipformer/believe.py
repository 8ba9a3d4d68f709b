"""Machine labels of which no teacher is sure, and those among them that a model of one's own finds likely.

A recogniser that misheard wrote other sounds than were spoken; where it only spelt a name in a way of its own, the
sounds are right, and a model of sounds learns from them as from anything else.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from training.precision import autocast
from training.zipformer.checkpoint import load_model
from training.zipformer.data.augment import AugmentSettings
from training.zipformer.data.batches import Batcher, feasible, plan_epoch
from training.zipformer.data.labels import TEACHER_LABELS, read_labels, unsure_labels
from training.zipformer.data.pack import Clip, Pack, read_pack, write_pack
from training.zipformer.data.records import Recording, speech, usable
from training.zipformer.data.trials import other_speech
from training.zipformer.data.units import Units, read_units
from training.zipformer.loss.choice import fastest_sums
from training.zipformer.loss.pruned import losses
from training.zipformer.model.transducer import Transducer
from training.zipformer.progress import progress
from training.zipformer.settings import TrainSettings

TOGETHER_S = 165.0


def write_believed(weights: Path, data: Path, shared: Path, output: Path, most: float) -> int:
    """Write a table of file name and text: what teachers are sure of, and what else is likely enough.

    Speech in which false alarms are counted (`other_speech`) stays out, but for what teachers are sure of.

    Args:
        weights: of the model that judges.
        data: prepared folder, for its units.
        shared: folder that holds speech/ and its table of labels.
        output: table to write, for `prepare --pseudo-labels`.
        most: nats a phone up to which a label is believed.

    Returns:
        Labels believed beside the sure ones.
    """
    table = shared / "speech" / TEACHER_LABELS
    sure, unsure = read_labels(table), unsure_labels(table)
    apart = {path.name for path in other_speech(shared)}
    doubtful = [
        Recording(each.path, "train", each.corpus, each.speaker, text, each.licence)
        for each in speech(shared / "speech")
        if each.split == "unlabelled" and each.path.name not in apart and usable(text := unsure.get(each.path.name, ""))
    ]
    units = read_units(data)
    with TemporaryDirectory(dir=data) as folder:
        write_pack(Path(folder), doubtful)
        pack = read_pack(Path(folder))
        found = dict(text_losses(load_model(weights), pack, units))
        likely = [found.get(clip, math.inf) < most for clip in pack.clips]
        believed = {each.path.name: each.text for each, kept in zip(doubtful, likely, strict=True) if kept}
    output.write_text("".join(f"{name}\t{text}\n" for name, text in {**sure, **believed}.items()), encoding="utf-8")
    return len(believed)


@torch.no_grad()
def text_losses(model: Transducer, pack: Pack, units: Units) -> Iterator[tuple[Clip, float]]:
    """Every clip of a pack and how unlikely its text is, nats a unit, the whole clip heard; not those without time."""
    model.eval()
    batcher = Batcher(pack, units, AugmentSettings.none(), torch.device("cpu"), model.settings.mel_bins)
    sums, longest_s = fastest_sums(torch.device("cpu")), TrainSettings().longest_s
    clips = [clip for clip in pack.clips if feasible(clip, len(batcher.targets(clip)), longest_s)]
    batches = plan_epoch(clips, TOGETHER_S, seed=0)
    for some in progress(batches, len(batches), "labels"):
        batch = batcher.batch(some, seed=0)
        with autocast("cpu", wanted=True):
            encoded, frames = model.encoder(batch.features, batch.lengths, 0, -1)
            _, joint = losses(model, encoded, frames, batch.targets, batch.tokens, band=TrainSettings().band, sums=sums)
        yield from zip(some, (joint / batch.tokens).tolist(), strict=True)
