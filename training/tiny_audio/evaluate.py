"""Word errors of several transcribers on the same utterances, side by side in one table."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import transformers

from kwsd.acoustic.model import Model
from kwsd.transcripts.command import CommandTranscriber
from kwsd.transcripts.transducer import TransducerTranscriber
from measure import manifests, sound
from measure.progress import track
from measure.texts import normal
from measure.transcribing import COLUMNS, Tally, transcribe
from measure.wav import RATE

COMMAND_S = 120.0
"""What a program may take for one utterance."""


@dataclass(frozen=True, slots=True)
class Providers:
    """Who is asked."""

    trusted: tuple[Path, ...] = ()
    """Directories whose code is run: those that `export` wrote."""
    pipelines: tuple[Path, ...] = ()
    """Other directories of transformers."""
    transducers: tuple[Path, ...] = ()
    """Model directories of kwsd."""
    commands: tuple[str, ...] = ()
    """Programs that read a WAV file and write text."""


def utterances(manifest: Path, corpora: Sequence[str], split: str, most: int) -> list[manifests.Row]:
    """Transcribed rows of a manifest, spread over it. Raises ValueError: there are none."""
    rows = [
        row
        for row in manifests.read(manifest)
        if row.get("split") == split and row["transcript"] and row.get("corpus", "").startswith(tuple(corpora))
    ]
    if not rows:
        raise ValueError(f"{manifest}: has no transcribed {split} utterances of {', '.join(corpora)}")
    return rows[:: max(1, len(rows) // most)][:most] if most else rows


def evaluate(
    rows: Sequence[manifests.Row], root: Path, who: Providers, batch: int, generate: Mapping[str, int]
) -> tuple[str, dict[str, Tally]]:
    """The table, and what each has written. `generate` is for the pipelines, as `batch` is."""
    told: dict[str, Tally] = {}
    for directory in (*who.trusted, *who.pipelines):
        trusted = directory in who.trusted
        told[f"pipeline, {directory.name}"] = by_pipeline(rows, root, directory, batch, generate, trusted=trusted)
    for directory in who.transducers:
        model = Model.load(directory)
        told[f"transducer, {model.name}"] = transcribe(rows, root, partial(TransducerTranscriber, model), model)
    for command in who.commands:
        told[f"command, {command.split()[0]}"] = transcribe(
            rows, root, partial(CommandTranscriber, command, COMMAND_S), None
        )
    return "\n".join([COLUMNS, *(tally.row(name) for name, tally in told.items())]), told


def by_pipeline(
    rows: Sequence[manifests.Row],
    root: Path,
    directory: Path,
    batch: int,
    generate: Mapping[str, int],
    *,
    trusted: bool,
) -> Tally:
    """By a transformers pipeline in this process, `batch` utterances of like length at a time."""
    pipeline: Any = transformers.pipeline(
        "automatic-speech-recognition", model=str(directory), trust_remote_code=trusted, device="cpu"
    )
    tally = Tally([], [])
    by_length = sorted(rows, key=lambda row: float(row.get("seconds", 0)))
    for start in track(range(0, len(by_length), batch), directory.name):
        some = by_length[start : start + batch]
        heard = [sound.read(root / row["path"]) for row in some]
        began_s = time.process_time()
        told = pipeline(
            [{"raw": each, "sampling_rate": RATE} for each in heard], batch_size=batch, generate_kwargs=dict(generate)
        )
        tally.own_s += time.process_time() - began_s
        tally.sound_s += sum(map(len, heard)) / RATE
        tally.truths += [normal(row["transcript"]) for row in some]
        tally.texts += [normal(each["text"]) for each in told]
    tally.all_s = tally.own_s
    return tally
