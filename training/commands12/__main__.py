"""`python -m training.commands12 train|export|evaluate|noise-grid`: one command per stage."""

import argparse
import sys
from pathlib import Path

from training.commands12.models.registry import RECIPES

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """Run one stage; the exit status is 0 when it reached what it states."""
    args = parser().parse_args(arguments)
    return int(args.run(args) or 0)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m training.commands12", description=__doc__)
    stages = top.add_subparsers(required=True, metavar="STAGE")
    training = stages.add_parser("train", help="train one model; goes on from its last checkpoint")
    training.set_defaults(run=run_train)
    training.add_argument("--epochs", type=int, help="default: the recipe's")
    training.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    for stage in (training,):
        add_common(stage)
    return top


def add_common(stage: argparse.ArgumentParser) -> None:
    """Options that every stage has."""
    stage.add_argument("--model", choices=RECIPES, required=True)
    stage.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of the shared data")
    stage.add_argument("--work", type=Path, default=Path("commands12-work"), help="checkpoints, curves, caches")


def run_train(args: argparse.Namespace) -> None:
    """Train one model."""
    import torch  # noqa: PLC0415 - slow to load
    from rich.progress import Progress  # noqa: PLC0415

    from training.commands12 import curves  # noqa: PLC0415
    from training.commands12.bank import load_bank  # noqa: PLC0415
    from training.commands12.train import Job, Report, Trainer  # noqa: PLC0415

    torch.set_num_threads(args.threads)
    recipe = RECIPES[args.model]
    job = Job(args.work / args.model, args.epochs or recipe.epochs)
    trainer = Trainer(load_bank(args.shared, args.work), recipe, job)
    with Progress() as bar:
        task = bar.add_task(args.model, total=trainer.steps, completed=trainer.progress.step)

        def show(report: Report) -> None:
            bar.update(task, completed=report.step, description=f"{args.model}  loss {report.loss:.3f}")

        trainer.run(show)
    curves.plot(job.folder / "curves.csv", job.folder / "curves.png")


if __name__ == "__main__":
    sys.exit(main())
