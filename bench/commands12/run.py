"""`python -m bench commands12`: every figure of the fixed ten words again, measured beside stated.

Accuracy on half A of the official test audio, clean and in noise, of the files that are shipped, in onnxruntime,
through the live front end. What is stated lies in models/commands12/figures.csv; a row can be compared where as many
clips are stated. --quick takes the two models that the daemon prefers, every ninth clip, and two ratios; without it
all models, all clips clean and every ninth in noise; --full all clips everywhere, and the streams and costs of
bench/results/commands12.md, which --streams measures alone (with --model what that one hears, printed). Ends with 0
only where there are rows to compare and all are within --tol, or the streams are measured.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.commands12 import report
from bench.commands12.heat_map import draw
from kwsd.commands12.model import bundle_directory, find_model, read_bundle
from kwsd.limits import EngineName
from measure import command_figures
from measure.accuracy import Clip, measure, test_clips
from measure.command_figures import CLEAN, Cell
from measure.noise_grid import ASKED_FOR, NOISES, SNRS_DB, accuracy_in, noise
from measure.paths import SHARED

TEST = Path("speech_commands", "test_a", "manifest.tsv")
NOISE, SPEECH = Path("noise", "manifest.tsv"), Path("speech", "manifest.tsv")
NEEDED_BY = {"factory": NOISE, "street": NOISE, "babble": SPEECH}
"""What each noise is made of; white is computed."""
REMEDY = "give the folder of the shared data with --data-dir, or set KWSD_SHARED to it"
TOLERANCE_POINTS = 2.0
THINNED = 9
QUICK_SNRS_DB = (0, 10)
QUICK_ENGINES: tuple[EngineName, ...] = ("ds-cnn", "nc-ssm")


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    models: tuple[str, ...]
    noises: tuple[str, ...]
    snrs_db: tuple[int, ...]
    clean_every: int | None
    """Of the clips without noise, every so many-th; None for none."""
    noisy_every: int


def plan_of(args: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    models = tuple(find_model(engine).name for engine in QUICK_ENGINES) if args.quick else tuple(known_models())
    clean = None if args.noise_type or args.snr is not None else THINNED if args.quick else 1
    return Plan(
        models=(args.model,) if args.model else models,
        noises=(args.noise_type,) if args.noise_type else NOISES,
        snrs_db=(args.snr,) if args.snr is not None else QUICK_SNRS_DB if args.quick else SNRS_DB,
        clean_every=clean,
        noisy_every=1 if args.full else THINNED,
    )


def known_models() -> list[str]:
    """Models whose files are here."""
    return [name for name, model in read_bundle(bundle_directory()).items() if model.path.is_file()]


def missing(plan: Plan, args: argparse.Namespace) -> list[str]:
    """A line for each part of the data that this run needs and that is not there, with the remedy."""
    needed = {TEST} | {NEEDED_BY[kind] for kind in plan.noises if kind in NEEDED_BY and not args.streams}
    needed |= {SPEECH, SPEECH.with_name("teacher_labels.tsv")} if with_streams(args) else set()
    return [
        f"{args.data_dir / part} is not there: {REMEDY}"
        for part in sorted(needed)
        if not (args.data_dir / part).exists()
    ]


def with_streams(args: argparse.Namespace) -> bool:
    """Whether streams and costs are measured too."""
    return bool(args.streams or (args.full and not (args.model or args.noise_type or args.snr is not None)))


def measured(plan: Plan, clips: list[Clip], data: Path) -> Iterator[tuple[Cell, float]]:
    """Accuracy of each cell, as it is found."""
    bundle = read_bundle(bundle_directory())
    noisy = clips[:: plan.noisy_every]
    for name in plan.models:
        if plan.clean_every:
            chosen = clips[:: plan.clean_every]
            yield Cell(name, CLEAN, 0, len(chosen)), measure(bundle[name], chosen).accuracy
    for kind in plan.noises:
        sound = noise(data, kind)
        for name in plan.models:
            for snr_db in plan.snrs_db:
                yield Cell(name, kind, snr_db, len(noisy)), accuracy_in(bundle[name], noisy, sound, snr_db)


def verdict(cell: Cell, found: float, stated: dict[Cell, float], tolerance_points: float) -> tuple[str, bool | None]:
    """A row, and whether it is within the tolerance; None where nothing is stated."""
    where = "clean" if cell.noise == CLEAN else f"{cell.noise} {cell.snr_db} dB"
    row = f"{cell.model:<12} {where:<16} {cell.clips:>5} clips  {100 * found:6.2f}"
    if cell not in stated:
        return f"{row}  not stated", None
    apart = round(100 * (found - stated[cell]), 2)
    is_near = abs(apart) <= tolerance_points
    return f"{row}  stated {100 * stated[cell]:6.2f}  {apart:+6.2f}  {'ok' if is_near else 'APART'}", is_near


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench commands12", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="two models, a ninth of the clips, two ratios")
    size.add_argument("--full", action="store_true", help="all clips in every cell, then streams and costs (hours)")
    size.add_argument("--streams", action="store_true", help="only the streams, and costs unless --model is given")
    parser.add_argument("--model", choices=known_models(), help="only this one")
    parser.add_argument("--noise-type", choices=ASKED_FOR, help="only this noise; tones only if asked for")
    parser.add_argument("--snr", type=int, choices=SNRS_DB, help="only this ratio, dB")
    parser.add_argument("--data-dir", type=Path, default=SHARED, metavar="DIR", help="the shared data (%(default)s)")
    parser.add_argument(
        "--tol", type=float, default=TOLERANCE_POINTS, metavar="POINTS", help="allowed apart (default: %(default)s)"
    )
    parser.add_argument("--state", action="store_true", help="write what is measured into figures.csv, with a heat map")
    return parser


def main(arguments: list[str]) -> int:
    """Measure, print beside what is stated, and compare; the exit status."""
    asked = parser()
    args = asked.parse_args(arguments)
    if args.streams and (args.noise_type or args.snr is not None or args.state):
        asked.error(
            "--streams lays clips and speech as they were recorded; --noise-type, --snr and --state are of the grid"
        )
    plan = plan_of(args)
    if lines := missing(plan, args):
        print(*(f"bench commands12: {line}" for line in lines), sep="\n", file=sys.stderr)
        return 1
    if args.streams:
        if args.model:
            report.show(args.data_dir, args.model)
        else:
            report.write(args.data_dir)
        return 0
    stated, found, verdicts = command_figures.read(bundle_directory()), {}, []
    for cell, accuracy in measured(plan, test_clips(args.data_dir), args.data_dir):
        row, is_near = verdict(cell, accuracy, stated, args.tol)
        print(row, flush=True)
        found[cell] = accuracy
        verdicts += [is_near] if is_near is not None else []
    if args.state:
        together = command_figures.read(bundle_directory()) | found  # another run may have stated something meanwhile
        command_figures.write(bundle_directory(), together)
        draw(together, bundle_directory() / "noise_grid.png")
    if with_streams(args):
        report.write(args.data_dir)
    print(f"{sum(verdicts)} of {len(verdicts)} comparable rows within {args.tol:g} points")
    return 0 if verdicts and all(verdicts) else 1
