"""The commands for a model directory: evaluate, tune, confidence, alarms, describe, demo."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any


def add_parsers(commands: Any) -> None:
    """Declare them."""
    for add in (_add_evaluate, _add_tune, _add_confidence, _add_alarms, _add_describe, _add_demo):
        add(commands)


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="measure a model directory with kwsd's own spotter")
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


def _evaluate(args: argparse.Namespace) -> None:
    from training.zipformer.evaluate import evaluate, write_into  # noqa: PLC0415  (each command imports what it needs)

    names = ("boost", "threshold", "running_threshold", "min_margin", "margin_per_token", "alone_margin")
    given = {name: getattr(args, name) for name in names}
    overrides = {name: value for name, value in given.items() if value is not None}
    lines = []
    for line in evaluate(args.model, args.shared, args.rows.split(",") if args.rows else [], args.limit, overrides):
        print(line, flush=True)
        lines.append(line)
    if args.card:
        write_into(args.card, lines)


def _add_tune(commands: Any) -> None:
    parser = commands.add_parser("tune", help="choose a model's search settings on dev material")
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


def _tune(args: argparse.Namespace) -> None:
    from training.zipformer.tune import Grid, tune  # noqa: PLC0415  (as above)

    given = {field.name: getattr(args, field.name) for field in fields(Grid)}
    grid = Grid(**{name: values for name, values in given.items() if values})
    tune(args.model, args.shared, args.limit, grid)


def _add_confidence(commands: Any) -> None:
    parser = commands.add_parser("confidence", help="fit what makes one score of all signs, into model.toml")
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="recordings of the long rows, 0 for all")
    parser.set_defaults(run=_confidence)


def _confidence(args: argparse.Namespace) -> None:
    from training.zipformer.confidence import fit_confidence  # noqa: PLC0415  (as above)

    for line in fit_confidence(args.model, args.shared, args.limit):
        print(line, flush=True)


def _add_alarms(commands: Any) -> None:
    parser = commands.add_parser(
        "alarms", help="measure false alarms per phrase and fit what to expect, into model.toml"
    )
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="recordings of other speech, 0 for 3.75 h")
    parser.set_defaults(run=_alarms)


def _alarms(args: argparse.Namespace) -> None:
    from training.zipformer.false_alarms import fit_false_alarms  # noqa: PLC0415  (as above)

    for line in fit_false_alarms(args.model, args.shared, args.limit):
        print(line, flush=True)


def _add_describe(commands: Any) -> None:
    parser = commands.add_parser("describe", help="write model.toml: sources, checksums")
    parser.add_argument("model", type=Path, help="model directory")
    parser.add_argument("data", type=Path, help="folder made by prepare, which the model was trained on")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--name", default="kwsd-en")
    parser.add_argument("--version", default="1")
    parser.add_argument("--about", default="English, 40 phones, streaming Zipformer transducer")
    parser.add_argument("--licence", default="Apache-2.0; lexicon from CMUdict, see LICENSE-cmudict")
    parser.set_defaults(run=_describe)


def _describe(args: argparse.Namespace) -> None:
    from training.zipformer.description import describe  # noqa: PLC0415  (as above)
    from training.zipformer.sources import by_licence, sources, table  # noqa: PLC0415  (as above)

    found = by_licence(sources(args.data, args.shared))
    lines = tuple(map(str, found))
    describe(args.model, name=args.name, version=args.version, about=args.about, licence=args.licence, sources=lines)
    print(table(found))


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser("demo", help="speak a keyword file into one recording")
    parser.add_argument("keywords", type=Path, nargs="?", default=Path("keywords/demo.txt"))
    parser.add_argument("output", type=Path, nargs="?", default=Path("models/demo.wav"))
    parser.set_defaults(run=_demo)


def _demo(args: argparse.Namespace) -> None:
    from training.zipformer.demo import make_demo  # noqa: PLC0415  (as above)

    print("\n".join(make_demo(args.keywords, args.output)))


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(number) for number in text.split(","))
