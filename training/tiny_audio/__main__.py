"""Two frozen models and a projector, a command for each step: `python -m training.tiny_audio COMMAND --help`.

In order: prepare (the encoder's frames, once), train (the projector), export (a directory that transformers loads),
evaluate (word errors beside those of others). README.md has them with their arguments and what came of them.
All need torch and transformers: `pip install 'kwsd[train]'`, or `scripts/training-environment` where a CPU wheel of
torch lies at hand. The directory itself needs torch, transformers, soundfile and soxr where it is used.
"""

import argparse
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError
from measure.paths import SHARED
from training.extra import without_extra
from training.tiny_audio.settings import TrainSettings

MANIFEST = SHARED / "speech" / "manifest.tsv"
CORPORA = ("librispeech", "commonvoice", "kathleen", "ljspeech", "speechocean762")
"""Those of ../shared whose texts are sentences, by the beginning of their names."""
TRANSDUCER = SHARED / "models" / "zipformer-gigaspeech-kws-3.3m"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.tiny_audio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (_add_prepare, _add_train, _add_export, _add_evaluate):
        add(commands)
    args = parser.parse_args(arguments)
    try:
        args.run(args)
    except ModuleNotFoundError as error:
        print(f"{args.command}: {without_extra(error)}", file=sys.stderr)
        return 1
    except (OSError, ValueError, ImportError, KwsdError) as error:
        print(f"{args.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{args.command}: stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


def _add_material(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--manifest",
        type=Path,
        default=MANIFEST,
        help="table of path, transcript, split and corpus (default: %(default)s)",
    )
    parser.add_argument(
        "--corpora",
        nargs="+",
        default=CORPORA,
        metavar="NAME",
        help="beginnings of their names (default: those of sentences)",
    )
    parser.add_argument(
        "--max-samples", type=int, default=0, metavar="N", help="only N utterances, spread over all (of each split)"
    )


def _add_prepare(commands: Any) -> None:
    parser = commands.add_parser("prepare", help="write the encoder's frames of all utterances, or go on with it")
    parser.add_argument("data", type=Path, help="folder to write")
    parser.add_argument(
        "--encoder", type=Path, required=True, help="directory of a Whisper for transformers, or of a model of kwsd"
    )
    parser.add_argument("--threads", type=int, default=1, help="(default: %(default)s)")
    _add_material(parser)
    parser.set_defaults(run=_prepare)


def _prepare(args: argparse.Namespace) -> None:
    import torch  # noqa: PLC0415 - each command imports what it needs

    from training.tiny_audio import material  # noqa: PLC0415 - as above

    torch.set_num_threads(args.threads)
    made = material.prepare(args.data, args.manifest, args.encoder, args.corpora, args.max_samples)
    hours = {split: sum(each.seconds for each in made.of(split)) / 3600 for split in ("train", "dev")}
    print(f"{args.data}: {len(made.utterances)} utterances, train {hours['train']:.2f} h, dev {hours['dev']:.2f} h")


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train",
        help="train the projector, or go on from the last checkpoint",
        description="What is not said when a run goes on stays. Writes checkpoint.pt, metrics.csv, curve.png.",
    )
    parser.add_argument("data", type=Path, help="folder made by prepare")
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    about = {
        "decoder": "directory of a causal language model, or a GGUF file of one",
        "prompt": "what it is asked; the speech stands at {speech} (default: to repeat, as its chat template has it)",
        "ctc_steps": "first steps, taught by CTC against the decoder's embeddings",
        "steps": "in all; those behind the first are taught by the decoder",
        "batch_seconds": "sound in a batch that the decoder teaches",
        "ctc_batch_seconds": "sound in a batch of the first steps",
        "rate": "highest learning rate; a fifth of it where the decoder teaches",
        "warmup": "steps until it is reached",
        "stack": "frames that become one token",
        "projector_size": "numbers between its two layers",
        "ctc_weight": "of CTC's loss in the steps that the decoder teaches",
        "mixed": "1: the decoder is given mixtures of its tokens; 0: the vectors themselves",
        "dropout": "part of the frames' numbers that is left out",
        "dev_every": "steps between two lines of the curve",
        "seed": "of everything that is drawn",
    }
    for field in fields(TrainSettings):
        default = "" if field.name in {"decoder", "prompt"} else f" (default: {field.default})"
        kind: Any = {"int": int, "float": float, "str": str}[str(getattr(field.type, "__name__", field.type))]
        parser.add_argument("--" + field.name.replace("_", "-"), type=kind, help=about[field.name] + default)
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after so many; the same command goes on")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument(
        "--dtype", choices=("float32", "bfloat16"), default="float32", help="of the decoder: %(choices)s"
    )
    parser.set_defaults(run=_train)


def _train(args: argparse.Namespace) -> None:
    import torch  # noqa: PLC0415 - as above

    from training.tiny_audio.train import settings_of, train  # noqa: PLC0415 - as above

    torch.set_num_threads(args.threads)
    given = {field.name: getattr(args, field.name) for field in fields(TrainSettings)}
    settings = settings_of(args.folder, {name: value for name, value in given.items() if value is not None})
    train(args.data, args.folder, settings, getattr(torch, args.dtype), args.minutes)
    print(f"{args.folder}: export it with: python -m training.tiny_audio export {args.folder} DIRECTORY")


def _add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write the directory that transformers.pipeline loads")
    parser.add_argument("folder", type=Path, metavar="RUN", help="folder of the run")
    parser.add_argument("output", type=Path, help="directory to write")
    parser.set_defaults(run=_export)


def _export(args: argparse.Namespace) -> None:
    from training.tiny_audio.export import export  # noqa: PLC0415 - as above

    export(args.folder, args.output)
    print(
        f'pipeline("automatic-speech-recognition", model="{args.output}", trust_remote_code=True) loads it, and so does'
        f" kwsctl transcribe FILE --pipeline {args.output} --trust-code"
    )


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="word errors of one or several, side by side in one table")
    parser.add_argument("model", type=Path, nargs="*", help="directories written by export: their code is run")
    parser.add_argument(
        "--pipeline",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="another transformers model, such as a Whisper; once for each",
    )
    parser.add_argument(
        "--transducer",
        type=Path,
        action="append",
        default=[],
        nargs="?",
        const=TRANSDUCER,
        metavar="MODEL",
        help="a model of kwsd with word pieces (default: upstream's in ../shared)",
    )
    parser.add_argument(
        "--command",
        dest="program",
        action="append",
        default=[],
        metavar='"PROGRAM …"',
        help="that reads a WAV file on standard input and writes text",
    )
    parser.add_argument("--split", choices=("dev", "train"), default="dev", help="(default: %(default)s)")
    parser.add_argument(
        "--batch-size", type=int, default=8, help="utterances that a pipeline hears together (default: %(default)s)"
    )
    parser.add_argument("--num-beams", type=int, help="of the pipelines (default: their own)")
    parser.add_argument("--max-new-tokens", type=int, help="of the pipelines (default: their own)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument(
        "--texts", type=Path, metavar="FILE", help="write what was said and what each heard, tab-separated"
    )
    _add_material(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(args: argparse.Namespace) -> None:
    import torch  # noqa: PLC0415 - as above

    from training.tiny_audio.evaluate import Providers, evaluate, utterances  # noqa: PLC0415 - as above

    who = Providers(tuple(args.model), tuple(args.pipeline), tuple(args.transducer), tuple(args.program))
    if who == Providers():
        raise ValueError("nobody is asked: name a directory of export, --pipeline, --transducer or --command")
    torch.set_num_threads(args.threads)
    rows = utterances(args.manifest, args.corpora, args.split, args.max_samples)
    asked = {name: getattr(args, name) for name in ("num_beams", "max_new_tokens") if getattr(args, name)}
    table, told = evaluate(rows, args.manifest.parent, who, args.batch_size, asked)
    print(table)
    if args.out:
        args.out.write_text(table + "\n", encoding="utf-8")
    if args.texts:
        lines = [
            f"{name}\t{truth}\t{text}"
            for name, tally in told.items()
            for truth, text in zip(tally.truths, tally.texts, strict=True)
        ]
        args.texts.write_text("\n".join(["provider\tsaid\theard", *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
