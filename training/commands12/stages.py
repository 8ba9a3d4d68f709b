"""What each command of the recipe does. Every one returns the exit status."""

import argparse
import math

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from kwsd.commands12.model import FixedModel, read_bundle
from kwsd.config.settings import FixedWords
from measure.accuracy import Figures, measure, test_clips
from measure.command_streams import Stream, running_speech
from measure.commands import LABELS, WORDS
from training.commands12 import checkpoint, confusions, curves
from training.commands12.bank import load_bank
from training.commands12.card import write_card
from training.commands12.describe import describe
from training.commands12.export import export as export_onnx
from training.commands12.export import trained
from training.commands12.models.registry import RECIPES, Recipe
from training.commands12.restore import mean_of, restored
from training.commands12.sheets import read_sheets
from training.commands12.signs import commands_said_alone, found_in, posteriors_of_frames, split_by_truth, weigh
from training.commands12.thresholds import choose, posteriors_of
from training.commands12.train import Job, Report, Trainer, use_threads
from training.commands12.validation import Judged, Validation

CONSOLE = Console()


def train(args: argparse.Namespace) -> int:
    """Train one model to the end of its epochs."""
    use_threads(args.threads)
    recipe = RECIPES[args.model]
    job = Job(
        folder=args.work / args.model,
        epochs=args.epochs or recipe.epochs,
        begin=args.begin,
        peak_rate=args.rate,
        teachers=tuple(args.teacher),
        bundle=args.bundle,
    )
    trainer = Trainer(load_bank(args.shared, args.work), recipe, job)
    if trainer.progress.step:
        CONSOLE.print(f"{job.checkpoint}: goes on from step {trainer.progress.step:,} of {trainer.steps:,}")
    with Progress(console=CONSOLE) as bar:
        task = bar.add_task(args.model, total=trainer.steps, completed=trainer.progress.step)

        def show(report: Report) -> None:
            bar.update(task, completed=report.step, description=f"{args.model}  loss {report.loss:.3f}")

        trainer.run(show)
    curves.plot(job.folder / "curves.csv", job.folder / "curves.png")
    return 0


def validate(args: argparse.Namespace) -> int:
    """How the exported weights, those of the last checkpoint, and the mean of both do on the validation speakers."""
    use_threads(1)
    bank, recipe = load_bank(args.shared, args.work), RECIPES[args.model]
    validation, checkpoint_file = Validation(bank), args.work / args.model / "checkpoint.pt"
    if (file := args.bundle / f"{args.model}.onnx").exists():
        tell_judged("exported", validation.judge(restored(recipe.build, file, bank.pictures)))
    if checkpoint_file.exists():
        network = trained(recipe, checkpoint_file)
        tell_judged("checkpoint", validation.judge(network))
        if file.exists():
            tell_judged("their mean", validation.judge(mean_of(network, restored(recipe.build, file, bank.pictures))))
    return 0


def tell_judged(what: str, judged: tuple[Judged, Judged]) -> None:
    """Accuracy and mean recall, in quiet and in babble."""
    told = (f"{each.accuracy:.4f} (recall {each.recall:.4f})" for each in judged)
    CONSOLE.print(f"{what}: clean {next(told)}, babble 0 dB {next(told)}")


def export(args: argparse.Namespace) -> int:
    """Write the ONNX file of the last checkpoint, and model.toml."""
    path = args.work / args.model / "checkpoint.pt"
    if not path.exists():
        CONSOLE.print(f"{path} does not exist; train the model first")
        return 1
    file = args.bundle / f"{args.model}.onnx"
    network = trained(RECIPES[args.model], path)
    if args.mean:
        before = restored(RECIPES[args.model].build, file, load_bank(args.shared, args.work).pictures)
        network = mean_of(network, before)
    export_onnx(network, file)
    describe(args.bundle)
    CONSOLE.print(f"{file}: {file.stat().st_size:,} bytes, {checkpoint.read(path)['progress']['step']} steps")
    return 0


def evaluate(args: argparse.Namespace) -> int:
    """0 only when the accuracy is at least what the recipe requires."""
    found = measure(exported(args), test_clips(args.shared))
    confusions.add(args.bundle, args.model, found)
    recipe = RECIPES[args.model]
    show_figures(args.model, recipe, found)
    return 0 if found.accuracy >= recipe.required else 1


def show_figures(name: str, recipe: Recipe, found: Figures) -> None:
    """Per class, then the whole against what is required."""
    table = Table("class", "precision", "recall", "F1", title=name)
    for label, *values in zip(LABELS, found.precision, found.recall, found.f1, strict=True):
        table.add_row(label, *(f"{value:.3f}" for value in values))
    CONSOLE.print(table)
    CONSOLE.print(f"accuracy {found.accuracy:.4f}, macro F1 {found.f1.mean():.4f}")
    CONSOLE.print(f"required {recipe.required:.4f} ({100 * (found.accuracy - recipe.required):+.2f} points)")


def thresholds(args: argparse.Namespace) -> int:
    """Choose the threshold of each word on running speech, and write them to model.toml.

    Each part of the speech has its say, and the strictest rules: training has heard the one as negatives, and the other
    is short.
    """
    model = exported(args)
    chosen = [thresholds_on(running_speech(args.shared, split, args.hours), model, args) for split in ("dev", "train")]
    strictest = {word: max(each[word] for each in chosen) for word in WORDS}
    describe(args.bundle, {args.model: strictest})
    CONSOLE.print(", ".join(f"{word} {value:.2f}" for word, value in strictest.items()))
    return 0


def signs(args: argparse.Namespace) -> int:
    """Print the weights of the signs of a command; they stand in kwsd/commands12/isolation.py.

    Of the speech of training the part that is most like what will be heard: short sentences, a microphone for each.
    """
    model = exported(args)
    sheets = read_sheets(args.shared / "speech_commands" / "mels")
    frames, said = commands_said_alone(sheets, "validation", args.commands)
    commands, _ = split_by_truth(list(found_in(model, posteriors_of_frames(model, frames))), said)
    others, hours = [], 0.0
    for split, corpora in (("dev", ""), ("train", "commonvoice")):
        speech = running_speech(args.shared, split, args.hours, corpora)
        found = list(found_in(model, posteriors_of(model, speech)))
        others.append(split_by_truth(found, list(speech.pieces))[1])
        hours += speech.seconds / 3600
    allowed, wanted = int(args.false_per_hour * hours), math.ceil(args.recall * args.commands)
    weights = weigh(commands, np.concatenate(others), allowed, wanted)
    CONSOLE.print(f"{tuple(weights.weights.tolist())}, {weights.bias:.2f}")
    CONSOLE.print(
        f"{len(commands)} of {args.commands} commands found, {100 * weights.recall:.1f} % of them kept; {hours:.2f} h"
    )
    return 0


def thresholds_on(speech: Stream, model: FixedModel, args: argparse.Namespace) -> dict[str, float]:
    """The thresholds that one stream of speech asks for."""
    with Progress(console=CONSOLE) as bar:
        task = bar.add_task(model.name, total=len(speech.parts))
        heard = posteriors_of(model, speech, lambda: bar.advance(task))
    return choose(model, speech, heard, FixedWords(), args.false_per_hour)


def card(args: argparse.Namespace) -> int:
    """Write the model card from what has been measured."""
    CONSOLE.print(write_card(args.bundle))
    return 0


def exported(args: argparse.Namespace) -> FixedModel:
    """The model of the bundle that the command line names."""
    return read_bundle(args.bundle)[args.model]
