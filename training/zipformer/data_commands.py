"""The commands that make what is trained on: prepare, speak, lexicon, teach."""

import argparse
from pathlib import Path


def add_prepare(parser: argparse.ArgumentParser) -> None:
    """Texts, units and recordings → packed data."""
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


def add_speak(parser: argparse.ArgumentParser) -> None:
    """Names and orders by neural voices."""
    parser.add_argument("folder", type=Path, help="where to write; what is there already is kept")
    parser.add_argument("voices", type=Path, help="folder of Kokoro's voices, NAME.bin")
    parser.add_argument("--count", type=int, default=15000, help="texts (default: %(default)s)")
    parser.add_argument("--lexicon", type=Path, default=Path("models/kwsd-en"), help="model directory, for rare words")
    parser.add_argument("--seed", type=int, default=11)
    parser.set_defaults(run=_speak)


def add_lexicon(parser: argparse.ArgumentParser) -> None:
    """How words sound."""
    parser.add_argument("folder", type=Path, help="where to write lexicon.txt.gz and letter_sounds.gz")
    parser.add_argument("--held-out", action="store_true", help="also say how well words are read that were not learnt")
    parser.set_defaults(run=_lexicon)


def add_teach(parser: argparse.ArgumentParser) -> None:
    """Texts for untranscribed speech."""
    parser.add_argument("teacher", type=Path, help="model directory of the teacher")
    parser.add_argument("output", type=Path, help="table to write, for prepare --pseudo-labels")
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="recordings (default: %(default)s)")
    parser.add_argument("--confidence", type=float, default=0.8, help="least mean token probability")
    parser.set_defaults(run=_teach)


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


def _speak(args: argparse.Namespace) -> None:
    from training.lexicon.stress import stressed_words  # noqa: PLC0415  (as above)
    from training.zipformer.data.neural_voices import speak_all  # noqa: PLC0415  (as above)
    from training.zipformer.data.phrases import known_words, names_and_orders  # noqa: PLC0415  (as above)

    texts = names_and_orders(args.count, known_words([]), args.seed)
    speak_all(args.folder, texts, args.voices, stressed_words(args.lexicon), args.seed)


def _lexicon(args: argparse.Namespace) -> None:
    from training.lexicon.lexicon import held_out_accuracy, write_lexicon  # noqa: PLC0415  (as above)

    write_lexicon(args.folder)
    if args.held_out:
        print(f"read rightly without being listed: {held_out_accuracy()}")


def _teach(args: argparse.Namespace) -> None:
    from training.zipformer.teacher import write_pseudo_labels  # noqa: PLC0415  (as above)

    write_pseudo_labels(args.teacher, args.shared, args.output, args.confidence)
