"""Command line of the recipe: prepare, train, average, export, evaluate; and teach, for pseudo-labels."""

import argparse
import sys
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from training.zipformer import data_commands


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    args = _parser().parse_args(arguments)
    try:
        args.run(args)
    except (FileNotFoundError, ValueError, KwsdError) as error:
        print(f"{args.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.zipformer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    data_commands.add_prepare(commands.add_parser("prepare", help="speak texts, learn units, pack audio"))
    data_commands.add_speak(commands.add_parser("speak", help="let neural voices say names and orders"))
    data_commands.add_lexicon(commands.add_parser("lexicon", help="learn how words sound, from CMUdict"))
    _add_train(commands.add_parser("train", help="train, or go on training from the last checkpoint"))
    _add_grow(commands.add_parser("grow", help="make a finished network deeper, to train it further"))
    _add_average(commands.add_parser("average", help="average the newest weights of a run"))
    _add_export(commands.add_parser("export", help="write a model directory: ONNX, int8, tokens"))
    _add_evaluate(commands.add_parser("evaluate", help="measure a model directory with kwsd's own spotter"))
    _add_confidence(commands.add_parser("confidence", help="fit what makes one score of all signs, into model.toml"))
    _add_tune(commands.add_parser("tune", help="choose a model's search settings on dev material"))
    _add_describe(commands.add_parser("describe", help="write model.toml: sources, checksums"))
    _add_adapt(commands.add_parser("adapt", help="train a finished model further on recordings of your own"))
    _add_demo(commands.add_parser("demo", help="speak a keyword file into one recording"))
    data_commands.add_teach(commands.add_parser("teach", help="let another model transcribe untranscribed speech"))
    return parser


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("data", type=Path, help="folder made by prepare")
    parser.add_argument("folder", type=Path, help="folder of the run: checkpoint, weights, metrics")
    parser.add_argument("--front", default="8,16,24", help="channels of the front end (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many minutes")
    parser.add_argument("--cool-down", type=int, default=0, help="last ones of --steps, with a falling learning rate")
    parser.add_argument("--cool-minutes", type=float, default=0.0, help="the same for --minutes, by the clock")
    parser.add_argument("--begin", type=Path, help="weights to begin with, such as MODEL/weights.pt or what grow wrote")
    parser.add_argument("--batch-seconds", type=float, default=100.0, help="sound per batch (default: %(default)s)")
    parser.add_argument("--row-seconds", type=float, default=0.0, help="fill rows of this length with clips, unpadded")
    parser.add_argument("--average", type=float, default=0.0, help="decay of the moving average of weights, 0 for none")
    parser.add_argument("--listen", type=int, default=250, help="steps of flat start, 0 for a network that can hear")
    parser.add_argument("--warmup", type=int, default=300, help="steps until the full rate (default: %(default)s)")
    parser.add_argument("--band", type=int, default=8, help="tokens per frame in the joiner, 0 for all")
    parser.add_argument("--rate", type=float, default=0.04, help="learning rate (default: %(default)s)")
    parser.add_argument("--decay", type=int, default=4000, help="steps until the rate falls (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of each worker (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes, a batch each (default: %(default)s)")
    parser.add_argument("--weights-every", type=int, default=400, help="steps between kept weights")
    parser.add_argument("--dev-every", type=int, default=400, help="steps between dev losses")
    parser.add_argument("--seed", type=int, default=1)
    parser.set_defaults(run=_train)


def _add_grow(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, help="of a model directory or a run")
    parser.add_argument("output", type=Path, help="file to write, for train --begin")
    parser.add_argument("--layers", default="1,2,2,2,2,1", help="of each stack afterwards (default: %(default)s)")
    parser.set_defaults(run=_grow)


def _add_average(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, help="folder of the run")
    parser.add_argument("--last", type=int, default=5, help="how many weights (default: %(default)s)")
    parser.set_defaults(run=_average)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("weights", type=Path, help="average.pt, weights-*.pt or checkpoint.pt")
    parser.add_argument("data", type=Path, help="folder with tokens.txt and bpe.model")
    parser.add_argument("output", type=Path, help="model directory to write")
    parser.add_argument("--chunk-ms", type=int, choices=(160, 320), default=320, help="sound per call (default: 320)")
    parser.set_defaults(run=_export)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, nargs="+", help="model directories to compare")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="utterances per row, 0 for all")
    parser.add_argument("--rows", default="", help="rows to run, separated by commas (default: all)")
    parser.add_argument("--boost", type=float, help="per-token bonus (default: the model's)")
    parser.add_argument("--threshold", type=float, help="score threshold (default: the model's)")
    parser.add_argument("--card", type=Path, help="model card to write the table into")
    parser.add_argument("--min-margin", type=float, help="distance to the best reading, nats (default: the model's)")
    parser.add_argument("--margin-per-token", type=float, help="more of it for each token (default: the model's)")
    parser.add_argument("--running-threshold", type=float, help="threshold among other words (default: the model's)")
    parser.add_argument("--alone-margin", type=float, help="more of it for what is said alone (default: the model's)")
    parser.set_defaults(run=_evaluate)


def _add_tune(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="utterances per row, 0 for all")
    numbers: dict[str, Any] = {"type": _numbers, "metavar": "NATS"}
    parser.add_argument("--boosts", help="per-token bonuses to try, separated by commas", **numbers)
    parser.add_argument("--margins", dest="min_margins", help="least margins; --margins=-2,-6", **numbers)
    parser.add_argument("--per-token", dest="margins_per_token", help="margins per token; --per-token=-1", **numbers)
    parser.add_argument(
        "--running", dest="running_thresholds", type=_numbers, metavar="P", help="thresholds among other words"
    )
    parser.add_argument("--alone", dest="alone_margins", help="margins of what is said alone; --alone=0,-6", **numbers)
    parser.set_defaults(run=_tune)


def _add_confidence(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="recordings of the long rows, 0 for all")
    parser.set_defaults(run=_confidence)


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))


def _add_describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("data", type=Path, help="folder made by prepare, which the model was trained on")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--name", default="kwsd-en")
    parser.add_argument("--version", default="1")
    parser.add_argument("--about", default="English, 40 phones, streaming Zipformer transducer")
    parser.add_argument("--licence", default="Apache-2.0; lexicon from CMUdict, see LICENSE-cmudict")
    parser.set_defaults(run=_describe)


def _add_adapt(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, help="model directory with weights.pt, such as models/kwsd-en")
    parser.add_argument("own", type=Path, help="folder with recordings and manifest.tsv (path, text)")
    parser.add_argument("folder", type=Path, help="folder of the run; the new model goes into its folder model")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="noise and rooms, where there are any")
    parser.add_argument("--steps", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.004, help="learning rate (default: %(default)s)")
    parser.add_argument("--batch-seconds", type=float, default=60.0, help="sound per batch (default: %(default)s)")
    parser.set_defaults(run=_adapt)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("keywords", type=Path, nargs="?", default=Path("keywords/demo.txt"))
    parser.add_argument("output", type=Path, nargs="?", default=Path("models/demo.wav"))
    parser.set_defaults(run=_demo)


def _train(args: argparse.Namespace) -> None:
    from training.zipformer.settings import TrainSettings  # noqa: PLC0415  (as above)
    from training.zipformer.train import train  # noqa: PLC0415  (as above)
    from training.zipformer.workers import start  # noqa: PLC0415  (as above)

    known = {setting.name for setting in fields(TrainSettings)}
    settings = TrainSettings(**{name: value for name, value in vars(args).items() if name in known})
    first, second, third = (int(channels) for channels in args.front.split(","))
    work = partial(
        train,
        data=args.data,
        folder=args.folder,
        front_channels=(first, second, third),
        settings=settings,
        threads=args.threads,
        begin=args.begin,
    )
    start(args.workers, work)


def _grow(args: argparse.Namespace) -> None:
    from training.zipformer.grow import grow  # noqa: PLC0415  (as above)

    grown = grow(args.weights, args.output, tuple(int(count) for count in args.layers.split(",")))
    print(f"{args.output}: {grown.parameters_shipped()} parameters")


def _average(args: argparse.Namespace) -> None:
    from training.zipformer.checkpoint import average, weight_files  # noqa: PLC0415  (as above)

    average(weight_files(args.folder)[-args.last :], args.folder / "average.pt")


def _export(args: argparse.Namespace) -> None:
    from training.zipformer.export import export  # noqa: PLC0415  (as above)

    export(args.weights, args.data, args.output, chunk=args.chunk_ms // 20)


def _evaluate(args: argparse.Namespace) -> None:
    from training.zipformer.evaluate import evaluate, write_into  # noqa: PLC0415  (as above)

    names = ("boost", "threshold", "running_threshold", "min_margin", "margin_per_token", "alone_margin")
    given = {name: getattr(args, name) for name in names}
    overrides = {name: value for name, value in given.items() if value is not None}
    lines = []
    for line in evaluate(args.model, args.shared, args.rows.split(",") if args.rows else [], args.limit, overrides):
        print(line, flush=True)
        lines.append(line)
    if args.card:
        write_into(args.card, lines)


def _tune(args: argparse.Namespace) -> None:
    from training.zipformer.tune import Grid, tune  # noqa: PLC0415  (as above)

    given = {field.name: getattr(args, field.name) for field in fields(Grid)}
    grid = Grid(**{name: values for name, values in given.items() if values})
    tune(args.model, args.shared, args.limit, grid)


def _confidence(args: argparse.Namespace) -> None:
    from training.zipformer.confidence import fit_confidence  # noqa: PLC0415  (as above)

    for line in fit_confidence(args.model, args.shared, args.limit):
        print(line, flush=True)


def _describe(args: argparse.Namespace) -> None:
    from training.zipformer.description import describe  # noqa: PLC0415  (as above)
    from training.zipformer.sources import by_licence, sources, table  # noqa: PLC0415  (as above)

    found = by_licence(sources(args.data, args.shared))
    lines = tuple(map(str, found))
    describe(args.model, name=args.name, version=args.version, about=args.about, licence=args.licence, sources=lines)
    print(table(found))


def _adapt(args: argparse.Namespace) -> None:
    from training.zipformer.adapt import Adaptation, adapt  # noqa: PLC0415  (as above)

    how = Adaptation(steps=args.steps, rate=args.rate, batch_seconds=args.batch_seconds)
    new = adapt(args.model, args.own, args.folder, shared=args.shared, how=how)
    print(f"{new} is the new model: kwsd --model {new} --keywords FILE")


def _demo(args: argparse.Namespace) -> None:
    from training.zipformer.demo import make_demo  # noqa: PLC0415  (as above)

    print("\n".join(make_demo(args.keywords, args.output)))


if __name__ == "__main__":
    sys.exit(main())
