"""`python -m training.commands12 train|validate|export|thresholds|signs|evaluate|card`: one command per stage."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.extra import without_extra

try:
    from training.commands12 import stages as stage
    from training.commands12.models.registry import RECIPES
except ModuleNotFoundError as missing:  # the stages are torch from their first line on
    sys.exit(f"training.commands12: {without_extra(missing)}")

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "models" / "commands12"
WORK = ROOT / "training" / ".work" / "commands12"


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; the exit status is 0 when it reached what it states."""
    args = parser().parse_args(arguments)
    return int(args.run(args))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m training.commands12", description=__doc__)
    stages = top.add_subparsers(required=True, metavar="STAGE")
    training = add_stage(stages, "train", stage.train, "train one model; goes on from its last checkpoint")
    training.add_argument("--epochs", type=int, help="default: the recipe's")
    training.add_argument("--begin", type=Path, metavar="FILE", help="start from the weights of an exported model")
    training.add_argument("--rate", type=float, help="the highest learning rate (default: the recipe's)")
    training.add_argument(
        "--teacher", action="append", default=[], choices=RECIPES, help="an exported model to learn from; repeatable"
    )
    training.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    add_stage(stages, "validate", stage.validate, "exported and trained weights on the validation speakers")
    exporting = add_stage(stages, "export", stage.export, "the trained model to ONNX, and model.toml")
    exporting.add_argument("--mean", action="store_true", help="of the trained weights and those exported before")
    add_stage(stages, "evaluate", stage.evaluate, "accuracy on half A of the test audio against what is required")
    limits = add_stage(stages, "thresholds", stage.thresholds, "the threshold of each word, from running speech")
    limits.add_argument("--hours", type=float, default=100.0, help="at most, of each part of the speech")
    limits.add_argument("--false-per-hour", type=float, default=1.0, help="allowed per word (default: %(default)s)")
    said = add_stage(stages, "signs", stage.signs, "the weights of what tells a command from a word of a sentence")
    said.add_argument("--commands", type=int, default=3000, help="of the validation speakers (default: %(default)s)")
    said.add_argument("--hours", type=float, default=3.0, help="at most, of dev and of train (default: %(default)s)")
    said.add_argument("--false-per-hour", type=float, default=0.2, help="allowed in all (default: %(default)s)")
    said.add_argument(
        "--recall", type=float, default=0.93, help="of the commands, above which it may be stricter still"
    )
    add_stage(stages, "card", stage.card, "README.md of the bundle, from what was measured", needs_model=False)
    return top


def add_stage(
    stages: Any, name: str, run: Callable[[argparse.Namespace], int], about: str, *, needs_model: bool = True
) -> argparse.ArgumentParser:
    """One stage and the options that all have."""
    parser: argparse.ArgumentParser = stages.add_parser(name, help=about, description=about)
    parser.set_defaults(run=run)
    if needs_model:
        parser.add_argument("--model", choices=RECIPES, required=True)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of the shared data")
    parser.add_argument("--work", type=Path, default=WORK, help="checkpoints, curves, measurements")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the exported models")
    return parser


if __name__ == "__main__":
    sys.exit(main())
