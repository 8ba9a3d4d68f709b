"""Commands that make what is trained on (prepare, speak, lexicon, teach, believe) and carry it (bundle, unbundle)."""

import argparse
from pathlib import Path
from typing import Any

from training.zipformer.data.labels import MOST_LOSS


def add_parsers(commands: Any) -> None:
    """Declare them."""
    for add in (_add_prepare, _add_speak, _add_lexicon, _add_teach, _add_believe, _add_bundle, _add_unbundle):
        add(commands)


def _add_prepare(commands: Any) -> None:
    parser = commands.add_parser("prepare", help="speak texts, learn units, pack audio")
    parser.add_argument("folder", type=Path, help="where to write packed data")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--spoken", type=int, default=4000, help="texts to synthesise (default: %(default)s)")
    parser.add_argument("--pieces", type=int, default=0, help="so many BPE pieces as units (default: phones)")
    parser.add_argument("--pseudo-labels", type=Path, help="table of file name and text for untranscribed speech")
    parser.add_argument(
        "--spoken-by", type=Path, action="append", default=[], help="folder that speak wrote, any number"
    )
    parser.add_argument("--workers", type=int, default=2, help="threads (default: %(default)s)")
    parser.set_defaults(run=_prepare)


def _prepare(args: argparse.Namespace) -> None:
    from training.zipformer.prepare import prepare  # noqa: PLC0415  (each command imports what it needs)

    prepare(
        args.shared,
        args.folder,
        args.spoken,
        args.pieces,
        args.pseudo_labels,
        workers=args.workers,
        spoken_by=args.spoken_by,
    )


def _add_speak(commands: Any) -> None:
    parser = commands.add_parser("speak", help="let neural voices say names and orders")
    parser.add_argument("folder", type=Path, help="where to write; what is there already is kept")
    parser.add_argument("voices", type=Path, help="folder of Kokoro's voices, NAME.bin")
    parser.add_argument("--count", type=int, default=15000, help="texts (default: %(default)s)")
    parser.add_argument("--lexicon", type=Path, default=Path("models/kwsd-en"), help="model directory, for rare words")
    parser.add_argument("--seed", type=int, default=11)
    parser.set_defaults(run=_speak)


def _speak(args: argparse.Namespace) -> None:
    from training.lexicon.stress import stressed_words  # noqa: PLC0415  (as above)
    from training.zipformer.data.neural_voices import speak_all  # noqa: PLC0415  (as above)
    from training.zipformer.data.phrases import known_words, names_and_orders, near_words  # noqa: PLC0415  (as above)

    vocabulary, pronounce = known_words([]), stressed_words(args.lexicon)
    texts = names_and_orders(args.count, vocabulary, near_words(vocabulary, pronounce), args.seed)
    speak_all(args.folder, texts, args.voices, pronounce, args.seed)


def _add_lexicon(commands: Any) -> None:
    parser = commands.add_parser("lexicon", help="learn how words sound, from CMUdict")
    parser.add_argument(
        "folder", type=Path, help="where to write lexicon.txt.gz, letter_sounds.gz and known_words.bloom"
    )
    parser.add_argument("--network", action="store_true", help="also train letter_network.npz (a quarter of an hour)")
    parser.add_argument("--held-out", action="store_true", help="also say how well words are read that were not learnt")
    parser.set_defaults(run=_lexicon)


def _lexicon(args: argparse.Namespace) -> None:
    from training.lexicon.lexicon import held_out_accuracy, write_lexicon, write_network  # noqa: PLC0415  (as above)

    write_lexicon(args.folder)
    if args.network:
        write_network(args.folder)
    if args.held_out:
        print("read rightly without being listed, by what was learnt from other words:")
        print(*held_out_accuracy(args.folder), sep="\n")


def _add_teach(commands: Any) -> None:
    parser = commands.add_parser("teach", help="let another model transcribe untranscribed speech")
    parser.add_argument("teacher", type=Path, help="model directory of the teacher")
    parser.add_argument("output", type=Path, help="table to write, for prepare --pseudo-labels")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--confidence", type=float, default=0.8, help="least mean token probability")
    parser.set_defaults(run=_teach)


def _teach(args: argparse.Namespace) -> None:
    from training.zipformer.teacher import write_pseudo_labels  # noqa: PLC0415  (as above)

    write_pseudo_labels(args.teacher, args.shared, args.output, args.confidence)


def _add_believe(commands: Any) -> None:
    parser = commands.add_parser("believe", help="choose machine labels that a model of one's own finds likely")
    parser.add_argument(
        "weights", type=Path, help="of the model that judges, such as training/zipformer/grown/weights.pt"
    )
    parser.add_argument("data", type=Path, help="prepared folder, for its units")
    parser.add_argument("output", type=Path, help="table to write, for prepare --pseudo-labels")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--most", type=float, default=MOST_LOSS, help="nats a phone up to which a label is believed")
    parser.set_defaults(run=_believe)


def _believe(args: argparse.Namespace) -> None:
    from training.zipformer.believe import write_believed  # noqa: PLC0415  (as above)

    print(write_believed(args.weights, args.data, args.shared, args.output, args.most), "more labels believed")


def _add_bundle(commands: Any) -> None:
    parser = commands.add_parser("bundle", help="recordings, units and weights in parts, for a machine without network")
    parser.add_argument("data", type=Path, help="prepared folder: its units and what was spoken for it are taken")
    parser.add_argument("output", type=Path, help="where to write the parts")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--pseudo-labels", type=Path, help="as for prepare")
    parser.add_argument("--spoken-by", type=Path, action="append", default=[], help="as for prepare")
    parser.add_argument("--begin", type=Path, help="weights to begin with there, as data/begin.pt")
    parser.add_argument("--part-mb", type=float, default=36.0, help="most megabytes in a part (default: %(default)s)")
    parser.set_defaults(run=_bundle)


def _bundle(args: argparse.Namespace) -> None:
    from training.zipformer.bundle import bundle, carried  # noqa: PLC0415  (as above)
    from training.zipformer.data.records import everything  # noqa: PLC0415  (as above)
    from training.zipformer.prepare import labelled  # noqa: PLC0415  (as above)

    found = everything(args.shared, args.data / "synthetic", *args.spoken_by)
    recordings = carried(labelled(found, args.pseudo_labels))
    parts = bundle(recordings, args.data, args.begin, args.output, int(args.part_mb * 1e6))
    size = sum(part.stat().st_size for part in parts) / 1e6
    print(f"{len(recordings)} recordings in {len(parts)} parts of {args.output}, {size:.1f} MB")


def _add_unbundle(commands: Any) -> None:
    parser = commands.add_parser("unbundle", help="the parts of a bundle become a prepared folder")
    parser.add_argument("parts", type=Path, help="folder that holds all parts")
    parser.add_argument("folder", type=Path, help="where to write packed data")
    parser.add_argument("--workers", type=int, default=2, help="threads (default: %(default)s)")
    parser.set_defaults(run=_unbundle)


def _unbundle(args: argparse.Namespace) -> None:
    from training.zipformer.bundle import unbundle  # noqa: PLC0415  (as above)

    unbundle(args.parts.glob("part-*"), args.folder, args.workers)
