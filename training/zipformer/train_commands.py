"""The commands that make a network of packed data: train, rehearse, grow, average, export, adapt."""

import argparse
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any


def add_parsers(commands: Any) -> None:
    """Declare them."""
    for add in (_add_train, _add_rehearse, _add_grow, _add_average, _add_export, _add_adapt):
        add(commands)


def _add_train(commands: Any) -> None:
    parser = commands.add_parser("train", help="train, or go on training from the last checkpoint")
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
    parser.add_argument("--still", type=int, default=0, help="steps before them that move nothing, with --begin: 150")
    parser.add_argument("--warmup", type=int, default=300, help="steps until the full rate (default: %(default)s)")
    parser.add_argument("--band", type=int, default=8, help="tokens per frame in the joiner, 0 for all")
    parser.add_argument("--rate", type=float, default=0.04, help="learning rate (default: %(default)s)")
    parser.add_argument("--decay", type=int, default=4000, help="steps until the rate falls (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of each worker (default: all)")
    parser.add_argument(
        "--compile", action="store_true", help="compile the layers first, minutes: steps of a CPU take 0.7 of the time"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes, a batch each (default: %(default)s)")
    parser.add_argument("--weights-every", type=int, default=400, help="steps between kept weights")
    parser.add_argument("--dev-every", type=int, default=400, help="steps between dev losses")
    parser.add_argument("--save-minutes", type=float, default=2.0, help="time between checkpoints (default: 2)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "cuda-eager"),
        default="auto",
        help="auto: a GPU if there is one; cuda-eager: without CUDA graphs (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, help="folder for what the run has come to, in files of at most 15 MB")
    parser.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> None:
    from training.zipformer.settings import TrainSettings  # noqa: PLC0415  (each command imports what it needs)
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
        device=args.device,
        out=args.out,
    )
    start(args.workers, work)


def _add_rehearse(commands: Any) -> None:
    parser = commands.add_parser(
        "rehearse", help="try on made-up sound what train does on a GPU, and say how fast it is"
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if there is one")
    parser.add_argument("--rows", type=int, default=32, help="in a step (default: %(default)s)")
    parser.add_argument("--row-seconds", type=float, default=16.5, help="(default: %(default)s)")
    parser.add_argument("--steps", type=int, default=50, help="whose time is taken (default: %(default)s)")
    parser.add_argument("--layers", default="1,2,2,2,2,1", help="of each stack (default: %(default)s)")
    parser.set_defaults(run=_rehearse)


def _rehearse(args: argparse.Namespace) -> None:
    from training.zipformer.model.settings import ModelSettings  # noqa: PLC0415  (as above)
    from training.zipformer.rehearsal import rehearse  # noqa: PLC0415  (as above)
    from training.zipformer.train import place_of  # noqa: PLC0415  (as above)

    layers = tuple(int(count) for count in args.layers.split(","))
    model, place = ModelSettings(layers=layers), place_of(args.device)
    print(rehearse(model, place, rows=args.rows, row_seconds=args.row_seconds, steps=args.steps))


def _add_grow(commands: Any) -> None:
    parser = commands.add_parser("grow", help="make a finished network deeper, to train it further")
    parser.add_argument("weights", type=Path, help="of a model directory or a run")
    parser.add_argument("output", type=Path, help="file to write, for train --begin")
    parser.add_argument("--layers", default="1,2,2,2,2,1", help="of each stack afterwards (default: %(default)s)")
    parser.set_defaults(run=_grow)


def _grow(args: argparse.Namespace) -> None:
    from training.zipformer.grow import grow  # noqa: PLC0415  (as above)

    grown = grow(args.weights, args.output, tuple(int(count) for count in args.layers.split(",")))
    print(f"{args.output}: {grown.parameters_shipped()} parameters")


def _add_average(commands: Any) -> None:
    parser = commands.add_parser("average", help="average weights: the newest of a run, or those that are named")
    parser.add_argument("weights", type=_part, nargs="+", help="folder of a run, or FILE.pt[:SHARE] …")
    parser.add_argument("--last", type=int, default=5, help="how many weights of a folder (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="file to write (default: average.pt beside the first weights)")
    parser.add_argument("--half", action="store_true", help="write float16")
    parser.add_argument("--dev", type=Path, metavar="DATA", help="prepared folder: tell the loss on its dev split")
    parser.add_argument(
        "--batch-seconds", type=float, default=165.0, help="of the run whose losses it is compared with"
    )
    parser.set_defaults(run=_average)


def _average(args: argparse.Namespace) -> None:
    from training.zipformer.checkpoint import average, weight_files  # noqa: PLC0415  (as above)
    from training.zipformer.dev import dev_loss_of  # noqa: PLC0415  (as above)

    parts = []
    for path, share in args.weights:
        files = weight_files(path)[-args.last :] if path.is_dir() else [path]
        parts += [(file, share) for file in files]
    first = args.weights[0][0]
    output = args.output or (first if first.is_dir() else first.parent) / "average.pt"
    average(parts, output, half=args.half)
    print(output if args.dev is None else f"{output}: dev loss {dev_loss_of(output, args.dev, args.batch_seconds):.4f}")


def _part(given: str) -> tuple[Path, float]:
    """FILE or FILE:SHARE."""
    path, colon, share = given.rpartition(":")
    return (Path(path), float(share)) if colon else (Path(given), 1.0)


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write a model directory: ONNX, int8, tokens")
    parser.add_argument("weights", type=Path, help="average.pt, weights-*.pt or checkpoint.pt")
    parser.add_argument("data", type=Path, help="folder with tokens.txt and bpe.model")
    parser.add_argument("output", type=Path, help="model directory to write")
    parser.add_argument("--chunk-ms", type=int, choices=(160, 320), default=320, help="sound per call (default: 320)")
    parser.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> None:
    from training.zipformer.export import export  # noqa: PLC0415  (as above)

    export(args.weights, args.data, args.output, chunk=args.chunk_ms // 20)


def _add_adapt(commands: Any) -> None:
    parser = commands.add_parser("adapt", help="train a finished model further on recordings of your own")
    parser.add_argument("model", type=Path, help="model directory with weights.pt, such as models/kwsd-en")
    parser.add_argument("own", type=Path, help="folder with recordings and manifest.tsv (path, text)")
    parser.add_argument("folder", type=Path, help="folder of the run; the new model goes into its folder model")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="noise and rooms, where there are any")
    parser.add_argument("--steps", type=int, default=200, help="(default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.004, help="learning rate (default: %(default)s)")
    parser.add_argument("--batch-seconds", type=float, default=60.0, help="sound per batch (default: %(default)s)")
    parser.set_defaults(run=_adapt)


def _adapt(args: argparse.Namespace) -> None:
    from training.zipformer.adapt import Adaptation, adapt  # noqa: PLC0415  (as above)

    how = Adaptation(steps=args.steps, rate=args.rate, batch_seconds=args.batch_seconds)
    new = adapt(args.model, args.own, args.folder, shared=args.shared, how=how)
    print(f"{new} is the new model: kwsd --model {new} --keywords FILE")
